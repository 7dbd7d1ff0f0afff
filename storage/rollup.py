"""Adding closed windows to the hours and the days, each window once.

One transaction adds a slice of windows and moves the mark behind it, so that a kill costs nothing. A flush
holds the mark while it writes: what it counts for a window before the mark it adds to all levels itself,
what comes after the mark is added by a later slice.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select, update

from .counts import COLUMNS, CountRow, add_counts, add_up, changes_sql, note_moments
from .history_tables import day_counts, history_level, hour_counts, window_counts
from .levels import DAY, HOUR, floor_to, start_sql
from .tables import stream_offset

SLICE_ROWS = 10_000
SETTLE = timedelta(minutes=2)
"""Windows that ended more recently than this may still grow with each flush."""

MOST_READ_FIRST = "layer <> '*', segment <> '*', series.id"
"""SQL for the order in which the rows of one time lie in PostgreSQL."""

LONGEST_WAIT = timedelta(hours=2)
"""A stream that reads old events holds the others up by no more than this."""

_STEPS = tuple(timedelta(seconds=seconds) for seconds in (3600, 600, 60, 10, 1))
_TARGETS = {"hour": (hour_counts, HOUR), "day": (day_counts, DAY)}


def rolled_until(connection: Connection, *, hold: bool = False) -> datetime | None:
    """Return the start of the first window that is in no hour yet; *hold* keeps it from moving."""
    query = select(history_level.c.rolled_until).where(history_level.c.level == "hour")
    found: datetime | None = connection.scalar(query.with_for_update(read=True) if hold else query)
    return found


def add_late(connection: Connection, rows: Sequence[CountRow]) -> None:
    """Add to the hours and days those of *rows* whose windows are in them already."""
    mark = rolled_until(connection, hold=True)
    late = [row for row in rows if mark is not None and row[0] < mark]
    for table, span in _TARGETS.values() if late else ():
        add_counts(connection, table, add_up((floor_to(row[0], span), *row[1:]) for row in late))


def due_until(connection: Connection, now: datetime) -> datetime:
    """Return before which time windows are to be in the hours and the days.

    That is where the slowest partition stands that was counted within an hour, a little back.
    """
    table = stream_offset.c
    newest = connection.scalar(
        select(func.min(table.event_time_max)).where(table.flushed_at > now - HOUR)
    )
    at = now if newest is None else min(now, max(newest, now - LONGEST_WAIT))
    return floor_to(at - SETTLE, timedelta(minutes=1))


def roll_up_some(connection: Connection, until: datetime, *, slice_rows: int = SLICE_ROWS) -> int:
    """Add about *slice_rows* windows that start before *until*; return how many, 0 when none is left."""
    locked = select(history_level.c.rolled_until).where(history_level.c.level == "hour")
    mark = connection.scalar(locked.with_for_update())
    if mark is None or mark >= until:
        return 0
    first = _first(connection, mark, until)
    end = until if first is None else _end(connection, first, until, slice_rows)
    n_rows = 0 if first is None else _count(connection, first, end)
    for level in _TARGETS:
        if n_rows:
            _add_slice(connection, level, first or mark, end)
        _move_mark(connection, level, end)
    return n_rows


def _first(connection: Connection, mark: datetime, until: datetime) -> datetime | None:
    start = window_counts.c.window_start
    found: datetime | None = connection.scalar(
        select(func.min(start)).where(start >= mark, start < until)
    )
    return found


def _end(connection: Connection, first: datetime, until: datetime, slice_rows: int) -> datetime:
    """Return the end of the longest step that holds at most *slice_rows* rows, or of the shortest."""
    ends = [min(until, floor_to(first, step) + step) for step in _STEPS]
    fits = (end for end in ends if _count(connection, first, end, slice_rows + 1) <= slice_rows)
    return next(fits, ends[-1])


def _count(connection: Connection, first: datetime, end: datetime, limit: int | None = None) -> int:
    start = window_counts.c.window_start
    rows = select(start).where(start >= first, start < end).limit(limit).subquery()
    return connection.scalar(select(func.count()).select_from(rows)) or 0


def _add_slice(connection: Connection, level: str, first: datetime, end: datetime) -> None:
    table, span = _TARGETS[level]
    is_sqlite = connection.dialect.name == "sqlite"
    if is_sqlite:
        n_spans = (floor_to(end, span) - floor_to(first, span)) // span
        note_moments(connection, {floor_to(first, span) + n * span for n in range(n_spans + 1)})
    key = "window_start, series" if is_sqlite else "series, window_start"
    bind = window_counts.c.window_start.type.bind_processor(connection.dialect)
    times = tuple(bind(time) if bind else time for time in (first, end))
    connection.exec_driver_sql(
        f"INSERT INTO {table.name} ({', '.join(COLUMNS)}) {_summed_sql(level, is_sqlite=is_sqlite)} "
        f"ON CONFLICT ({key}) DO UPDATE SET {changes_sql(table.name, 'excluded')}",
        times,
    )


def _summed_sql(level: str, *, is_sqlite: bool) -> str:
    """Return the query for the sums of a slice, in the order in which rows are to lie.

    PostgreSQL's rows lie as they were inserted, and most queries read few series of many days: those
    over all layers, and of these the whole streams'. SQLite's rows lie by their key.
    """
    start = start_sql("window_start", level, "sqlite" if is_sqlite else "postgresql")
    mark = "?" if is_sqlite else "%s"
    sums = ", ".join(f"SUM({name}) AS {name}" for name in COLUMNS[3:])
    summed = (
        f"SELECT {start} AS window_start, series, MAX(score_max) AS score_max, {sums} "
        f"FROM window_counts WHERE window_start >= {mark} AND window_start < {mark} GROUP BY 1, 2"
    )
    if is_sqlite:
        return summed
    return (
        f"SELECT summed.* FROM ({summed}) AS summed LEFT JOIN series ON series.id = summed.series "
        f"ORDER BY window_start, {MOST_READ_FIRST}"
    )


def _move_mark(connection: Connection, level: str, end: datetime) -> None:
    values = {"rolled_until": end, "whole_until": floor_to(end, _TARGETS[level][1])}
    connection.execute(update(history_level).where(history_level.c.level == level).values(values))
