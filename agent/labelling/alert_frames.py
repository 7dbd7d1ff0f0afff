"""An alert's frames, each with the best picture that there is and may be shown."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

import numpy as np
from PIL import Image

from driftgauge.storage import EvidenceRecord

from ..counting.evidence import ThumbnailMode, thumbnail
from ..errors import EventError
from ..events.decode import DecodePorts, DecodeSettings, decode_record
from ..ports import Record
from ..stream.records_at import Place

PictureSource = Literal["original", "thumbnail", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFrame:
    """One event of an alert.

    Attributes:
        picture: PNG of an original, JPEG of a thumbnail; None where there is none.
        source: which of these it is.
        why: why it is not the original; empty where it is.
    """

    event: EvidenceRecord
    picture: bytes | None
    source: PictureSource
    why: str = ""

    @property
    def name(self) -> str:
        """A file name that says where the message is, without folders."""
        event = self.event
        suffix = "png" if self.source == "original" else "jpg"
        topic = "".join(c if c.isalnum() or c in "._-" else "_" for c in event.topic)
        return f"{topic}-{event.partition}-{event.offset}-{event.item}.{suffix}"


def thumbnails_only(
    events: Sequence[EvidenceRecord], why: str, *, mode: ThumbnailMode = "keep"
) -> list[AlertFrame]:
    """Return the frames as the database has them, and no clearer than *mode* allows now."""
    return [_from_database(_as_allowed(event, mode), why) for event in events]


def _as_allowed(event: EvidenceRecord, mode: ThumbnailMode) -> EvidenceRecord:
    """Return *event* as it would be kept now; it may be of a time with another setting."""
    if event.thumbnail is None or mode == "keep":
        return event
    with Image.open(io.BytesIO(event.thumbnail)) as opened:
        pixels = np.asarray(opened.convert("RGB"))
    return replace(event, thumbnail=thumbnail(pixels, mode))


def with_originals(
    events: Sequence[EvidenceRecord],
    records: Iterable[Record],
    settings: DecodeSettings,
    ports: DecodePorts,
) -> Iterator[AlertFrame]:
    """Yield a frame for each of *events*, with the original's pixels where its record is found."""
    wanted: dict[Place, list[EvidenceRecord]] = {}
    for event in events:
        wanted.setdefault(place_of_event(event), []).append(event)
    for record in records:
        place = (record.topic, record.partition, record.offset)
        for event in wanted.pop(place, []):
            yield _from_record(event, record, settings, ports)
    for left in wanted.values():
        for event in left:
            yield _from_database(event, "Kafka no longer has the message")


def place_of_event(event: EvidenceRecord) -> Place:
    """Return where an event's message is."""
    return event.topic, event.partition, event.offset


def _from_record(
    event: EvidenceRecord, record: Record, settings: DecodeSettings, ports: DecodePorts
) -> AlertFrame:
    try:
        found = decode_record(record, settings, ports, arrived_at=datetime.now(UTC))
    except EventError as error:
        return _from_database(event, f"the message cannot be decoded now: {error}")
    pictures = found if isinstance(found, tuple) else ()
    original = next((one for one in pictures if one.item == event.item), None)
    if original is None or original.event_id != event.event_id:
        return _from_database(event, "another message is there now: the topic was recreated")
    if not original.image.size:
        return _from_database(event, "the message has taps and no picture")
    sink = io.BytesIO()
    Image.fromarray(original.image).save(sink, "PNG")
    return AlertFrame(event=event, picture=sink.getvalue(), source="original")


def _from_database(event: EvidenceRecord, why: str) -> AlertFrame:
    if event.thumbnail is None:
        return AlertFrame(event=event, picture=None, source="none", why=f"{why}; no thumbnail kept")
    return AlertFrame(event=event, picture=event.thumbnail, source="thumbnail", why=why)
