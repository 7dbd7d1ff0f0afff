"""When segments' events arrive: read from their progress, with what is known of it, and written with alerts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select

from .alert_records import AlertRecord
from .arrival_records import Arrivals, ArrivalsLook, ArrivalsRead
from .columns import Count
from .errors import RecordConflict
from .judgements import write_alerts
from .shadows import scored_alone
from .tables import arrival_look, arrival_pattern, segment_progress
from .upsert import upsert, wrote_one


def read_arrivals(connection: Connection, stream: str, now: datetime) -> ArrivalsRead:
    """Return what each segment sent so far, by name."""
    look, table = arrival_look.c, segment_progress.c
    looked_at = connection.scalar(select(look.looked_at).where(look.stream == stream))
    rows = connection.execute(
        select(
            table.segment,
            func.max(table.counted_at),
            func.sum(table.events, type_=Count).cast(Count),
        )
        .where(table.stream == stream, scored_alone(table.detector))
        .group_by(table.segment)
        .order_by(table.segment)
    )
    return ArrivalsRead(now, looked_at, [Arrivals(*row) for row in rows])


def read_arrival_patterns(connection: Connection, stream: str) -> dict[str, bytes]:
    """Return what is known of each segment's arrivals."""
    table = arrival_pattern.c
    rows = connection.execute(select(table.segment, table.pattern).where(table.stream == stream))
    return {row.segment: bytes(row.pattern) for row in rows}


def write_look(connection: Connection, look: ArrivalsLook) -> list[AlertRecord]:
    """Write a look; return its alerts as stored, in the given order.

    Raises:
        RecordConflict: another agent has looked since; nothing was written.
    """
    _move(connection, look)
    kept = {name: pattern for name, pattern in look.patterns.items() if pattern is not None}
    for segment in look.patterns.keys() - kept.keys():
        table = arrival_pattern.c
        own = (table.stream == look.stream, table.segment == segment)
        connection.execute(arrival_pattern.delete().where(*own))
    if kept:
        statement = upsert(connection, arrival_pattern)
        rows = [
            {"stream": look.stream, "segment": segment, "pattern": pattern}
            for segment, pattern in sorted(kept.items())
        ]
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=arrival_pattern.primary_key,
                set_={"pattern": statement.excluded.pattern},
            ),
            rows,
        )
    return write_alerts(connection, look.alerts, look.read.at)


def _move(connection: Connection, look: ArrivalsLook) -> None:
    table, read = arrival_look.c, look.read
    if read.looked_at is None:
        first = upsert(connection, arrival_look).on_conflict_do_nothing()
        moved = wrote_one(connection, first, {"stream": look.stream, "looked_at": read.at})
    else:
        own = (table.stream == look.stream, table.looked_at == read.looked_at)
        step = arrival_look.update().where(*own).values(looked_at=read.at)
        moved = connection.execute(step).rowcount == 1
    if not moved:
        raise RecordConflict(
            f"the arrivals of stream {look.stream!r} were looked at since {read.looked_at} by "
            "another agent; nothing was written",
            hint="another agent looks at them; read its state and continue from there",
        )
