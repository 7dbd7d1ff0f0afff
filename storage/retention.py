"""Dropping what is older than it is to be kept, level by level, in small transactions.

First the mark moves, in one transaction: from then on the views read the older time from the next coarser
level. Then the rows before it are deleted, some at a time; a kill between two costs nothing. On
PostgreSQL a whole day of windows is one partition, and is dropped at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Integer, Table, func, select, type_coerce, update

from .history_tables import (
    day_counts,
    history_level,
    hour_counts,
    moment,
    retention,
    window_counts,
)
from .levels import DAY, EPOCH, HOUR, floor_to, read_levels
from .partitions import OTHER, drop_partition, ensure_partitions, partition_days
from .tables import segment_progress
from .upsert import upsert

STEP_ROWS = 5_000
_HOUR_SECONDS = 3600
AHEAD_DAYS = 3
_FIRST_SPAN = timedelta(days=1)  # what may wait of a segment that was never judged
_TABLES = {"window": window_counts, "hour": hour_counts, "day": day_counts}
_GRAIN = {"window": HOUR, "hour": DAY, "day": DAY}


KeepSpans = Mapping[str, timedelta | None]
"""How long each level (``window``, ``hour``, ``day``) is kept; None for ever."""


@dataclass(frozen=True, slots=True)
class LevelKeep:
    """How long one level is kept, and what that drops now.

    Attributes:
        level: ``window``, ``hour`` or ``day``.
        kept_from: what starts before this is dropped.
        rows: how many rows that is; None where they were not counted.
        held_by: what keeps older rows from being dropped; empty where nothing does.
    """

    level: str
    kept_from: datetime
    rows: int | None = None
    held_by: str = ""


def note_keep(connection: Connection, stream: str, keep: KeepSpans) -> None:
    """Write how long *stream* wants each level to be kept."""
    statement = upsert(connection, retention)
    rows = [
        {"stream": stream, "level": level, "keep_days": None if span is None else span / DAY}
        for level, span in keep.items()
    ]
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=retention.primary_key, set_={"keep_days": statement.excluded.keep_days}
        ),
        rows,
    )


def longest_keep(connection: Connection, stream: str, keep: KeepSpans) -> KeepSpans:
    """Return how long each level is kept where *stream* wants *keep*: as the most patient stream wants."""
    table = retention.c
    others = select(table.level, table.keep_days).where(table.stream != stream)
    longest = dict(keep)
    for level, days in connection.execute(others):
        own = longest.get(level)
        longest[level] = None if own is None or days is None else max(own, days * DAY)
    return longest


def plan_retention(connection: Connection, keep: KeepSpans, now: datetime) -> list[LevelKeep]:
    """Return from when each level is to be kept; *keep* has None for what is kept for ever.

    A window is dropped once it is in the hours and judged, an hour once its windows are dropped.
    """
    levels, plan, bound = read_levels(connection), list[LevelKeep](), now
    for level, grain in _GRAIN.items():
        span = keep.get(level)
        wanted = EPOCH if span is None else now - span
        held = ""
        if level == "window":
            limit, held = _window_limit(connection, levels["hour"].rolled_until, wanted, now, span)
            wanted = min(wanted, limit)
        wanted = min(wanted, bound)
        kept_from = max(floor_to(wanted, grain), levels[level].kept_from)
        plan.append(LevelKeep(level, kept_from, None, held))
        bound = kept_from
    return plan


def _window_limit(
    connection: Connection,
    rolled: datetime,
    wanted: datetime,
    now: datetime,
    span: timedelta | None,
) -> tuple[datetime, str]:
    """Return up to where windows may be dropped, and what holds them where that is before *wanted*."""
    pending = _first_pending(connection, now - (span or timedelta()))
    limit = min(rolled, pending or rolled)
    if limit >= wanted:
        return limit, ""
    return limit, "not in the hours yet" if limit == rolled else "not judged yet"


def _first_pending(connection: Connection, counted_since: datetime) -> datetime | None:
    """Return before which time all windows are judged, of the segments that still count."""
    table = segment_progress.c
    waiting = connection.execute(
        select(table.judged_until, table.event_time_max).where(
            table.counted_at > counted_since, table.waiting_since.is_not(None)
        )
    )
    return min((row[0] or row[1] - _FIRST_SPAN for row in waiting), default=None)


def count_dropped(connection: Connection, level: LevelKeep) -> int:
    """Return how many rows of *level* are to be dropped."""
    table = _TABLES[level.level]
    old = select(func.count()).where(table.c.window_start < level.kept_from)
    return connection.scalar(old) or 0


def move_marks(connection: Connection, plan: Sequence[LevelKeep]) -> None:
    """Let each level begin where *plan* says."""
    for level in plan:
        row = history_level.c.level == level.level
        later = history_level.c.kept_from < level.kept_from
        connection.execute(
            update(history_level).where(row, later).values(kept_from=level.kept_from)
        )


def drop_some(connection: Connection, *, step_rows: int = STEP_ROWS) -> int:
    """Delete some rows that are before their level's mark; return how many, 0 when none is left."""
    for level, record in read_levels(connection).items():
        n = _delete_some(connection, _TABLES[level], record.kept_from, step_rows)
        if n:
            return n
    if connection.dialect.name == "sqlite":
        return _forget_moments(connection, step_rows)
    return 0


def _delete_some(connection: Connection, table: Table, before: datetime, step_rows: int) -> int:
    if connection.dialect.name == "sqlite":
        return _delete_by_time(connection, table, before, step_rows)
    name = OTHER if table is window_counts else table.name
    deleted = connection.exec_driver_sql(
        f"DELETE FROM {name} WHERE ctid IN (SELECT ctid FROM {name} WHERE window_start < %s "
        "LIMIT %s)",
        (before, step_rows),
    )
    return deleted.rowcount


def _delete_by_time(connection: Connection, table: Table, before: datetime, step_rows: int) -> int:
    """Delete the oldest rows by whole times, which are neighbours on the disk."""
    start = table.c.window_start
    old = select(start).where(start < before).order_by(start)
    end = connection.scalar(old.offset(step_rows).limit(1))
    first = connection.scalar(old.limit(1))
    if first is None:
        return 0
    until = before if end is None else max(end, first + timedelta(seconds=1))
    return connection.execute(table.delete().where(start < until)).rowcount


def _forget_moments(connection: Connection, step_rows: int) -> int:
    """Delete the texts of times that no row has any more."""
    levels, second = read_levels(connection), moment.c.second
    no_hour = type_coerce(second, Integer) % _HOUR_SECONDS != 0
    old = select(second).where(second < levels["window"].kept_from, no_hour).limit(step_rows)
    return connection.execute(moment.delete().where(second.in_(old))).rowcount


def tend_partitions(connection: Connection, now: datetime) -> None:
    """Make the partitions of the days to come; PostgreSQL only."""
    ensure_partitions(connection, (now + n * DAY for n in range(-1, AHEAD_DAYS + 1)))


def drop_old_partition(connection: Connection) -> bool:
    """Drop the oldest partition that is wholly before the mark; return whether there was one."""
    kept_from = read_levels(connection)["window"].kept_from
    old = [day for day in partition_days(connection) if day + DAY <= kept_from]
    if old:
        drop_partition(connection, old[0])
    return bool(old)
