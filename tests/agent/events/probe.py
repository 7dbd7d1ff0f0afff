"""Decodes one hostile message, makes its pictures a model's input, and measures what that took."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import torch
from timm.data import create_transform
from torch import nn

from driftgauge.agent.clock import ManualClock
from driftgauge.agent.errors import EventError, EventFault
from driftgauge.agent.events.decode import DecodePorts, DecodeSettings
from driftgauge.agent.events.event import Event
from driftgauge.agent.events.prediction import PredictionBook
from driftgauge.agent.fetch.address import Address
from driftgauge.agent.fetch.fetcher import Fetcher, FetchSettings
from driftgauge.agent.loop.decoded import Prepare, RecordDecoder
from driftgauge.agent.model.load import LoadedModel
from driftgauge.agent.model.reader import LayerReader
from driftgauge.agent.ports import Record
from driftgauge.agent.registry.frame import ReadRecord, no_registry
from driftgauge.agent.stream.letter import read_letter, reasons
from driftgauge.detector import ModelIdentity

from ..records import pixels
from .samples import as_json

ARRIVED = datetime(2026, 3, 1, tzinfo=UTC)
MAX_PIXELS = 4_000_000
MAX_SECONDS = 2.0
MAX_BYTES = 400 * 1024 * 1024

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message.

    Attributes:
        result: ``event``, ``prediction``, ``tombstone``, or the error's class.
        seconds: of the processor's time, so that whatever else runs here does not count.
        n_bytes: memory at its highest, above what the process had at its start.
    """

    kind: str
    result: str
    seconds: float
    n_bytes: int


def fuzz_ports(read_record: ReadRecord = no_registry) -> DecodePorts:
    """Return ports that allow everything that is off by default, and nothing that exists."""
    allowed = (Address("http", "127.0.0.1", 1, "/line"), Address("file", "", 0, "/nowhere"))
    return DecodePorts(
        fetch=Fetcher(FetchSettings(allowed=allowed), wait=lambda _: None),
        read_record=read_record,
        predictions=PredictionBook(["cat", "dog"]),
    )


def fuzz_settings() -> DecodeSettings:
    """Return settings that look for everything."""
    return DecodeSettings(
        segment_headers=(
            "camera",
            "json:site.line",
            "json:tags",
            "predicted_class",
            "model_version",
        ),
        max_image_pixels=MAX_PIXELS,
        max_message_bytes=10 * 1024 * 1024,
    )


def json_record(document: object, headers: Mapping[str, bytes]) -> Record:
    """Return a record with *document* as its value."""
    return Record("frames", 0, 1, None, as_json(document), tuple(headers.items()), 0)


@cache
def prepare() -> Prepare:
    """Return the transform that most classifiers of timm have."""
    transform = create_transform((3, 224, 224), interpolation="bicubic", crop_pct=0.875)
    model = nn.Sequential(nn.Conv2d(3, 3, 1)).eval()
    loaded = LoadedModel(model, transform, torch.device("cpu"), "one", ModelIdentity("", ""))
    return LayerReader(loaded, ["0"]).prepare


def probe(kind: str, record: Record, ports: DecodePorts, *, base_bytes: int) -> Outcome:
    """Decode and prepare *record* and hold the outcome to what is promised of one.

    Raises:
        AssertionError: the outcome is none that is promised.
        Exception: whatever a decoder let through; that is a crash.
    """
    decoder = RecordDecoder(
        fuzz_settings(),
        ports,
        prepare(),
        ManualClock(ARRIVED),
        max_skew_seconds=300,
        thumbnail_side=96,
    )
    _forget_peak()
    start = time.thread_time()
    found = decoder.decode(record, ARRIVED, 1)
    seconds = time.thread_time() - start
    if isinstance(found.outcome, EventFault):
        raise found.outcome
    if isinstance(found.outcome, EventError):
        result = type(found.outcome).__name__
        _hold_letter(record, found.outcome)
    else:
        result = type(found.outcome).__name__.lower()
        _hold_events(found.events)
    return Outcome(kind, result, seconds, peak_bytes() - base_bytes)


def _hold_events(events: tuple[Event, ...]) -> None:
    assert len(events) <= 32
    for event in events:
        image = pixels(event)
        assert image.dtype == np.uint8
        assert (image.ndim, image.shape[2]) == (3, 3)
        assert 0 < image.size <= 3 * MAX_PIXELS
        assert event.prepared.input.shape == (1, 3, 224, 224)
        assert event.event_time.utcoffset() == ARRIVED.utcoffset()
        texts = [event.event_id, *event.segments, *event.segments.values()]
        assert all(text.isprintable() and 0 < len(text) <= 520 for text in texts)


def _hold_letter(record: Record, error: EventError) -> None:
    assert str(error)
    added = reasons(record, error=type(error).__name__, message=str(error))
    assert sum(len(value) for _, value in added) < 4000
    letter = read_letter(
        Record(
            "dlq", 0, 0, record.key, record.value, (*record.headers, *added), record.timestamp_ms
        )
    )
    assert letter is not None
    assert (letter.topic, letter.offset) == (record.topic, record.offset)
    own = tuple(pair for pair in record.headers if not pair[0].startswith("dlq_"))
    assert letter.again().headers[:-1] == own
    assert letter.again().value == record.value


def peak_bytes() -> int:
    """Return the most memory that this process had since the last probe began, 0 where unknown."""
    if not _STATUS.exists():
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text())
    return int(found[1]) * 1024 if found else 0


def _forget_peak() -> None:
    try:
        _CLEAR.write_text("5")
    except OSError:  # not Linux, or not allowed: the peak is then that of all probes so far
        return
