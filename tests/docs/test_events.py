"""Every example in docs/events.md is decoded; every setting, header and error in it exists."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from driftgauge.agent import ImageInfo, errors
from driftgauge.agent.events.decode import DecodePorts, DecodeSettings, decode_record
from driftgauge.agent.events.prediction import Prediction
from driftgauge.agent.events.tap_vectors import TapOrigin, encode_taps
from driftgauge.agent.hook.sender import HEADERS
from driftgauge.agent.registry.client import RegistryClient
from driftgauge.agent.registry.record_reader import RecordReader
from driftgauge.agent.settings.load import load_settings, setting_names
from driftgauge.agent.stream.letter import reasons
from tests.agent.events.samples import b64
from tests.agent.fetch.site import serving
from tests.agent.records import NOON, jpeg, pixels, record
from tests.agent.registry.protobuf_samples import serve_schema, varint

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/events.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for found, text in BLOCKS if found == language]


def test_every_block_is_of_a_kind_that_is_tried() -> None:
    assert {language for language, _ in BLOCKS} == {"headers", "hex", "json", "proto", "sh", "toml"}


@pytest.mark.parametrize("text", [text for text in blocks("json") if text.startswith("{")])
def test_each_json_example_gives_its_pictures_or_its_prediction(text: str) -> None:
    value = text.replace("BASE64", b64()).encode()
    limits = DecodeSettings(segment_headers=("camera", "json:site.line", "model_version"))
    found = decode_record(record(value), limits, arrived_at=NOON)
    if "predictions" in text:
        assert found == Prediction(None, ("1",))
        return
    assert isinstance(found, tuple)
    assert len(found) == text.count("BASE64")
    assert pixels(found[0]).shape == (24, 32, 3)
    said = json.loads(text)
    assert found[0].segments.get("camera") == said.get("camera")
    assert found[0].segments.get("model_version") == said.get("model_version")


def headers(text: str) -> dict[str, bytes]:
    pairs = (line.split(": ", 1) for line in text.splitlines())
    return {name: value.encode() for name, value in pairs}


def test_the_headers_of_taps_are_those_that_are_sent_and_slice_them() -> None:
    _, text = blocks("headers")
    assert headers(text) == dict(HEADERS)
    (listed,) = [block for block in blocks("json") if block.startswith("[")]
    info = ImageInfo(event_id="frame-17", event_time=NOON, segments={"camera": "3"})
    images = json.loads(listed)
    assert images[0] == info.headers("", NOON, 281)
    numbers = {"a": np.ones((len(images), 2))}
    value = encode_taps(TapOrigin("w", "", "float32"), numbers, images)
    limits = DecodeSettings(segment_headers=("camera", "predicted_class"))
    events = decode_record(record(value, headers=headers(text)), limits, arrived_at=NOON)
    assert isinstance(events, tuple)
    assert len(events) == len(images)
    assert (events[0].event_id, events[0].event_time) == ("frame-17", NOON)
    assert events[0].segments == {"camera": "3", "predicted_class": "281"}


def test_the_headers_name_date_and_slice_the_picture() -> None:
    text, _ = blocks("headers")
    found = record(jpeg(), headers=headers(text))
    events = decode_record(found, DecodeSettings(segment_headers=("camera",)), arrived_at=NOON)
    assert isinstance(events, tuple)
    assert (events[0].event_id, events[0].segments) == ("frame-17", {"camera": "3"})
    assert events[0].event_time == NOON


def test_the_protobuf_example_is_read_with_the_schema_beside_it() -> None:
    pytest.importorskip("google.protobuf")
    (source,), (begin,) = blocks("proto"), blocks("hex")
    value = bytes.fromhex(begin) + varint(len(jpeg())) + jpeg()
    with serving() as site:
        serve_schema(site, descriptor_text(source))
        read = RecordReader(RegistryClient(f"http://127.0.0.1:{site.port}"))
        limits = DecodeSettings(segment_headers=("json:site.line",), id_field="frame_id")
        ports = DecodePorts(read_record=read)
        events = decode_record(record(value), limits, ports, arrived_at=NOON)
    assert isinstance(events, tuple)
    assert (events[0].event_id, events[0].segments) == ("frame-17", {"site.line": "4"})
    assert pixels(events[0]).shape == (24, 32, 3)


def descriptor_text(source: str) -> str:
    """Return the descriptor of a file of plain messages, in protobuf's text format."""
    found = ['syntax: "proto3"']
    for name, body in re.findall(r"message (\w+) \{(.*?)\}", source, re.DOTALL):
        fields = re.findall(r"(\w+) (\w+) = (\d+);", body)
        found.append(f'message_type {{ name: "{name}"')
        for kind, field, number in fields:
            scalar = kind in ("string", "bytes", "int32")
            typed = f"type: TYPE_{kind.upper()}" if scalar else f'type_name: ".{kind}"'
            found.append(
                f'field {{ name: "{field}" number: {number} label: LABEL_OPTIONAL {typed} }}'
            )
        found.append("}")
    return "\n".join(found)


@pytest.mark.parametrize("text", blocks("toml"))
def test_each_settings_example_loads(text: str, tmp_path: Path) -> None:
    parts = ['[stream]\nname = "a"\ntopic = "a"\n', '[model]\nsource = "timm:resnet18"\n', text]
    wanted = [part for part in parts if part is text or part.splitlines()[0] not in text]
    (tmp_path / "driftgauge.toml").write_text("\n".join(wanted))
    load_settings(tmp_path / "driftgauge.toml")


def test_each_command_is_one_with_these_options() -> None:
    for line in "".join(blocks("sh")).splitlines():
        words = line.split()
        done = subprocess.run(
            [str(Path(sys.executable).with_name(words[0])), *words[1:3], "--help"],
            capture_output=True, text=True, check=True, env={"COLUMNS": "200", "TERM": "dumb"},
        )  # fmt: skip
        options = [word for word in words if word.startswith("--")]
        assert all(option in done.stdout for option in options)


def test_the_headers_and_errors_of_letters_are_those_that_there_are() -> None:
    added = {name for name, _ in reasons(record(b""), error="", message="")}
    told = set(re.findall(r"`(dlq_\w+)`", PAGE))
    assert told == added | {"dlq_dropped_bytes", "dlq_replayed"}
    kinds = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.EventError)
    }
    no_letters = {"EventError", "EventOfOtherModel"}
    assert set(re.findall(r"^\| `(Event\w+)`", PAGE, re.MULTILINE)) == kinds - no_letters


def test_the_settings_that_are_named_exist() -> None:
    names = setting_names()
    for section, name in re.findall(r"`(batch|events|stream|model)\.(\w+)`", PAGE):
        assert name in names[section]
    for section, name in re.findall(r"`\[(\w+)\] (\w+)`", PAGE):
        assert name in names[section]
