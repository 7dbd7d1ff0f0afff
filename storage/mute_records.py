"""Which segments are muted now."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, or_, select

from .incident_records import IncidentRecord
from .tables import mute

_FIELDS = ("id", "stream", "segment", "created_at", "expires_at", "actor", "reason")


@dataclass(frozen=True, slots=True)
class MuteRecord:
    """One mute that holds.

    Attributes:
        segment: its name, ``camera=*`` for all of a kind, None for every segment.
        created_at: by the database's clock.
        expires_at: by the database's clock; None until a person ends it.
        by: who muted it.
        why: what they wrote.
    """

    id: int
    stream: str
    segment: str | None
    created_at: datetime
    expires_at: datetime | None
    by: str
    why: str

    def holds(self, segment: str) -> bool:
        """Return whether it mutes a segment.

        >>> at = datetime(2026, 3, 1)
        >>> one = MuteRecord(1, "line-3", "camera=*", at, None, "ann", "cleaning")
        >>> one.holds("camera=3"), one.holds("site=north")
        (True, False)
        """
        if self.segment is None or self.segment == segment:
            return True
        return self.segment.endswith("=*") and segment.startswith(self.segment[:-1])


def is_muted(incident: IncidentRecord, mutes: Collection[MuteRecord]) -> bool:
    """Return whether every part of an incident that lives is muted, or every part where none does."""
    return bool(mutes) and all(
        any(one.holds(segment) for one in mutes) for segment, _ in incident.parts
    )


def read_mutes(connection: Connection, stream: str, now: datetime) -> list[MuteRecord]:
    """Return the mutes that hold now, by the database's clock."""
    return read_mutes_where(connection, holding(stream, now))


def holding(stream: str, now: datetime) -> ColumnElement[bool]:
    """Return the condition of a mute that holds now."""
    table = mute.c
    lasts = or_(table.expires_at.is_(None), table.expires_at > now)
    return (table.stream == stream) & table.ended_at.is_(None) & lasts


def read_mutes_where(connection: Connection, *wanted: ColumnElement[bool]) -> list[MuteRecord]:
    """Return the mutes that fit."""
    query = select(*(mute.c[name] for name in _FIELDS)).where(*wanted).order_by(mute.c.id)
    return [MuteRecord(*row) for row in connection.execute(query)]
