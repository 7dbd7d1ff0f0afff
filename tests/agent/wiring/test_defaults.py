"""A default stands in one place: what a part takes by itself is what the settings give it."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields, is_dataclass
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from driftgauge.agent.events.decode import DecodeSettings
from driftgauge.agent.events.image import ImageSettings
from driftgauge.agent.events.tensor import TensorSettings
from driftgauge.agent.fetch.fetcher import Fetcher
from driftgauge.agent.registry.record_reader import RecordReader
from driftgauge.agent.settings.load import Settings, load_settings
from driftgauge.agent.stream.dead_letter import KafkaDeadLetters
from driftgauge.agent.wiring.decode import build_decode_ports
from driftgauge.agent.wiring.kafka import build_connection, consumer_settings
from driftgauge.agent.wiring.loop import build_loop_settings
from driftgauge.agent.wiring.monitor import monitor_settings

BY_THE_STREAM = {"segment_headers"}
"""What no default can be given for: stream.segments has one of its own."""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Give settings that set nothing but what is required."""
    monkeypatch.chdir(tmp_path)
    for name, value in (("STREAM__NAME", "a"), ("STREAM__TOPIC", "a"), ("MODEL__FACTORY", "a:b")):
        monkeypatch.setenv(f"DRIFTGAUGE_{name}", value)
    monkeypatch.setenv("DRIFTGAUGE_EVENTS__FETCH_ALLOW", "https://a/")
    monkeypatch.setenv("DRIFTGAUGE_EVENTS__REGISTRY_URL", "http://a")
    return load_settings()


def differing(built: Any) -> list[str]:
    """Return the fields of *built* whose own default is another, dataclasses within it as well."""
    found = []
    for field in fields(built):
        value, default = getattr(built, field.name), _default(field)
        if is_dataclass(value) and field.name not in BY_THE_STREAM:
            found += differing(value)
        elif default is not MISSING and field.name not in BY_THE_STREAM and value != default:
            found.append(f"{type(built).__name__}.{field.name}: {default!r}, by settings {value!r}")
    return found


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def test_the_loop_reads_and_keeps_by_the_same_defaults(settings: Settings) -> None:
    assert differing(build_loop_settings(settings)) == []


def test_the_connection_has_the_same_defaults(settings: Settings) -> None:
    assert differing(build_connection(settings)) == []


def test_a_consumer_has_the_same_defaults(settings: Settings) -> None:
    assert differing(consumer_settings(settings)) == []


def test_the_monitor_has_the_same_defaults(settings: Settings) -> None:
    assert differing(monitor_settings(settings)) == []


def test_fetching_and_the_registry_have_the_same_defaults(settings: Settings) -> None:
    ports = build_decode_ports(settings)
    assert isinstance(ports.fetch, Fetcher)
    assert differing(ports.fetch.settings) == []
    assert isinstance(ports.read_record, RecordReader)
    client = ports.read_record.client
    for name, parameter in signature(type(client)).parameters.items():
        if parameter.default is not parameter.empty and hasattr(client, name):
            assert getattr(client, name) == parameter.default


def test_dead_letters_have_the_same_defaults(settings: Settings) -> None:
    largest = signature(KafkaDeadLetters).parameters["max_message_bytes"].default
    assert largest == settings.batch.max_message_bytes


def test_pictures_and_tensors_have_the_same_defaults() -> None:
    decode = DecodeSettings()
    image = ImageSettings(max_pixels=decode.max_image_pixels)
    assert (image.exif_orientation, image.bit_depth) == (decode.exif_orientation, decode.bit_depth)
    tensor = TensorSettings(image=image)
    assert tensor.layout == decode.tensor_layout
    assert tensor.value_range == decode.tensor_range
    assert tensor.max_images == decode.max_images_per_message
