"""Kept events as a page shows them: the picture in the page itself, or the reason for none."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass

from driftgauge.storage import EvidenceRecord

NO_PICTURE = 'no picture: only its taps were sent, or [evidence] thumbnails is "none"'
"""What people read where a kept event has no thumbnail."""

_MAGIC = {b"\xff\xd8": "image/jpeg", b"\x89P": "image/png", b"RI": "image/webp"}


@dataclass(frozen=True, slots=True)
class Shot:
    """A kept event.

    Attributes:
        source: a data URL; empty where it has no picture.
        place: which event it is, and where its message lies in Kafka.
        when: its event time.
    """

    source: str
    caption: str
    place: str
    when: str


def shots(records: Iterable[EvidenceRecord]) -> list[Shot]:
    """Return *records* as a page shows them."""
    return [_shot(record) for record in records]


def _shot(record: EvidenceRecord) -> Shot:
    return Shot(
        _source(record.thumbnail),
        f"p = {record.p_value:.2g}",
        f"{record.event_id} at {record.topic}/{record.partition}@{record.offset}",
        f"{record.event_time:%Y-%m-%d %H:%M:%S} UTC",
    )


def _source(thumbnail: bytes | None) -> str:
    if not thumbnail:
        return ""
    kind = _MAGIC.get(thumbnail[:2], "image/jpeg")
    return f"data:{kind};base64,{base64.b64encode(thumbnail).decode('ascii')}"
