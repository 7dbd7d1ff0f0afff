"""A record of the client's in our own form."""

from __future__ import annotations

from typing import Any

from ..ports import Record


def to_record(found: Any) -> Record:
    """Return what the client found; a header without a value is an empty one."""
    return Record(
        topic=found.topic,
        partition=found.partition,
        offset=found.offset,
        key=found.key,
        value=found.value,
        headers=tuple((name, value or b"") for name, value in found.headers),
        timestamp_ms=found.timestamp,
    )
