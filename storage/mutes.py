"""Mutes: segments whose alerts are counted and told to nobody, until a time or until a person says so.

A mute that ends while its alerts live is a step of their incidents, so that they are told after all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, insert

from .alert_records import LIVE_STATES
from .incidents import read_incidents, write_incident_step
from .mute_records import MuteRecord, holding, is_muted, read_mutes, read_mutes_where
from .tables import mute

_CLOCK = "its time"


def add_mute(
    connection: Connection,
    stream: str,
    segment: str | None,
    *,
    at: datetime,
    expires_at: datetime | None,
    by: str,
    why: str,
) -> MuteRecord:
    """Mute a segment; a mute of the same segment that holds is replaced."""
    _end(connection, holding(stream, at), _same(segment), at=at, by=by)
    values = {
        "stream": stream,
        "segment": segment,
        "created_at": at,
        "expires_at": expires_at,
        "actor": by,
        "reason": why,
    }
    key = connection.execute(insert(mute), values).inserted_primary_key
    return MuteRecord(int(key[0]) if key else 0, stream, segment, at, expires_at, by, why)


def lift_mutes(
    connection: Connection, stream: str, segments: Collection[str | None] | None, *, at: datetime,
    by: str,
) -> list[MuteRecord]:  # fmt: skip
    """End the mutes of these segments, None for all there are; tell what they held back."""
    found = [
        one
        for one in read_mutes(connection, stream, at)
        if segments is None or one.segment in segments
    ]
    _end(connection, mute.c.id.in_([one.id for one in found]), at=at, by=by)
    _tell(connection, stream, found, at=at, by=by)
    return found


def expire_mutes(connection: Connection, stream: str, now: datetime) -> None:
    """End the mutes whose time is over, and tell what they held back."""
    over = (mute.c.stream == stream, mute.c.ended_at.is_(None), mute.c.expires_at <= now)
    found = read_mutes_where(connection, *over)
    if found:
        _end(connection, *over, at=now, by=_CLOCK)
        _tell(connection, stream, found, at=now, by=_CLOCK)


def _end(connection: Connection, *wanted: ColumnElement[bool], at: datetime, by: str) -> None:
    connection.execute(mute.update().where(*wanted).values(ended_at=at, ended_by=by))


def _tell(
    connection: Connection, stream: str, ended: Iterable[MuteRecord], *, at: datetime, by: str
) -> None:
    """Write a step of every live incident that was muted and is no more."""
    ended, left = list(ended), read_mutes(connection, stream, at)
    for one in read_incidents(connection, stream, states=LIVE_STATES) if ended else ():
        if is_muted(one, [*ended, *left]) and not is_muted(one, left):
            write_incident_step(connection, one.id, "unmuted", at=at, by=by, note="")


def _same(segment: str | None) -> ColumnElement[bool]:
    return mute.c.segment.is_(None) if segment is None else mute.c.segment == segment
