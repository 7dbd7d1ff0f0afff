"""Records and pictures that tests are made of."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from driftgauge.agent.events.decode import DecodePorts, DecodeSettings, decode_record
from driftgauge.agent.events.event import Event
from driftgauge.agent.ports import Record

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def picture(level: int = 90, size: tuple[int, int] = (32, 24)) -> Image.Image:
    """A smooth picture whose mean grows with *level*."""
    ramp = np.linspace(0, 60, size[0] * size[1]).reshape(size[1], size[0])
    pixels = np.stack([ramp + level, ramp + level / 2, ramp], axis=2).clip(0, 255)
    return Image.fromarray(pixels.astype(np.uint8))


def encoded(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    sink = io.BytesIO()
    image.save(sink, kind, **options)
    return sink.getvalue()


def jpeg(level: int = 90) -> bytes:
    return encoded(picture(level))


def decode_event(
    found: Record,
    settings: DecodeSettings,
    ports: DecodePorts | None = None,
    *,
    arrived_at: datetime,
) -> Event:
    """Return the only event of a record."""
    events = decode_record(found, settings, ports or DecodePorts(), arrived_at=arrived_at)
    assert isinstance(events, tuple)
    (event,) = events
    return event


def pixels(event: Event) -> NDArray[np.uint8]:
    """Return the event's picture."""
    assert isinstance(event.image, np.ndarray)
    return event.image


def record(
    value: bytes | None,
    *,
    offset: int = 0,
    partition: int = 0,
    topic: str = "frames",
    headers: Mapping[str, bytes] | None = None,
    timestamp: datetime | None = NOON,
) -> Record:
    return Record(
        topic=topic,
        partition=partition,
        offset=offset,
        key=None,
        value=value,
        headers=tuple((headers or {}).items()),
        timestamp_ms=-1 if timestamp is None else round(timestamp.timestamp() * 1000),
    )
