"""Kept frames as a page shows them."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from driftgauge.storage import EvidenceRecord

_MAGIC = {b"\xff\xd8": "image/jpeg", b"\x89P": "image/png", b"RI": "image/webp"}


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """A kept event; *source* is empty where it has no picture."""

    source: str
    caption: str
    place: str


def shown_picture(record: EvidenceRecord) -> ShownPicture:
    """Return *record* with its picture as a data URL."""
    place = f"{record.event_id} at {record.topic}/{record.partition}@{record.offset}"
    return ShownPicture(_source(record.thumbnail), f"p = {record.p_value:.2g}", place)


def _source(thumbnail: bytes | None) -> str:
    if not thumbnail:
        return ""
    kind = _MAGIC.get(thumbnail[:2], "image/jpeg")
    return f"data:{kind};base64,{base64.b64encode(thumbnail).decode('ascii')}"
