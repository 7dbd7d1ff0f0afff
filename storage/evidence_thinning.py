"""Which kept events go first when there are too many: fairly over time, those of alerts last."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, and_, func, or_, select

from .tables import alert, evidence

STEP_ROWS = 500
BEFORE = timedelta(hours=1)
"""The pictures from just before an alert stay with it, to compare with."""


class _Kept(NamedTuple):
    id: int
    bytes: int


def drop_old_evidence(
    connection: Connection, stream: str, *, before: datetime, step_rows: int = STEP_ROWS
) -> int:
    """Delete some events that were kept before *before*; return how many, 0 when none is left.

    Of those that a version before 0028 kept, the date of the event counts.
    """
    table = evidence.c
    is_old = or_(table.kept_at < before, and_(table.kept_at.is_(None), table.event_time < before))
    old = select(table.id).where(table.stream == stream, is_old)
    found = connection.execute(evidence.delete().where(table.id.in_(old.limit(step_rows))))
    return found.rowcount


def evidence_bytes(connection: Connection, stream: str) -> int:
    """Return how many bytes of pictures a stream has."""
    size = func.sum(func.length(evidence.c.thumbnail))
    return int(connection.scalar(select(size).where(evidence.c.stream == stream)) or 0)


def excess_evidence(connection: Connection, stream: str, *, max_bytes: int) -> list[int]:
    """Return the ids of the events to delete so that the pictures fit *max_bytes*, in that order.

    Events of alerts, and those of the hour before, are kept longest; of the rest the most unusual of
    each segment and day, so that every day down to `keep_days` keeps the best that it has.
    """
    excess = evidence_bytes(connection, stream) - max_bytes
    dropped: list[int] = []
    for row in reversed(_by_worth(connection, stream)) if excess > 0 else ():
        if excess <= 0:
            break
        dropped.append(row.id)
        excess -= row.bytes
    return dropped


def _by_worth(connection: Connection, stream: str) -> list[_Kept]:
    """Return the events with a picture, those to keep longest first."""
    table = evidence.c
    size = func.length(table.thumbnail).label("bytes")
    names = (table.id, table.segment, table.kind, table.window_start, table.event_time)
    query = (
        select(*names, size)
        .where(table.stream == stream, table.thumbnail.is_not(None))
        .order_by(table.p_value, table.event_time.desc(), table.id)
    )
    spans, places = _alert_spans(connection, stream), Counter[tuple[str, str, date]]()
    ranked: list[tuple[tuple[bool, int, float], _Kept]] = []
    for row in connection.execute(query):
        group = row.segment, row.kind, row.event_time.date()
        is_quiet = not any(a <= row.window_start <= b for a, b in spans[row.segment])
        worth = (is_quiet, places[group], -row.event_time.timestamp())
        ranked.append((worth, _Kept(row.id, row.bytes)))
        places[group] += 1
    return [row for _, row in sorted(ranked, key=lambda pair: pair[0])]


def _alert_spans(
    connection: Connection, stream: str
) -> defaultdict[str, list[tuple[datetime, datetime]]]:
    """Return from when until when each segment had an alert, with the hour before."""
    spans: defaultdict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
    columns = (alert.c.segment, alert.c.since, alert.c.refreshed_at)
    for segment, since, until in connection.execute(
        select(*columns).where(alert.c.stream == stream)
    ):
        spans[segment].append((since - BEFORE, until))
    return spans


def drop_evidence(connection: Connection, ids: Sequence[int]) -> int:
    """Delete the events with these ids."""
    return connection.execute(evidence.delete().where(evidence.c.id.in_(ids))).rowcount
