"""The levels of the history, how far each reaches, and the SQL that reads all of it through any of them.

Counts are made by window. Those before ``rolled_until`` are also in the hours and the days; a flush that
counts for a window before it adds to all three. Each level is dropped before its ``kept_from``, and what
is older is read from the next coarser one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, select

from .history_tables import history_level
from .upsert import upsert

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SPANS = {"window": timedelta(minutes=1), "hour": HOUR, "day": DAY}
"""By level; that of ``window`` is the shortest that people read it by."""


@dataclass(frozen=True, slots=True)
class LevelRecord:
    """How far one level reaches.

    Attributes:
        level: ``window``, ``hour`` or ``day``.
        rolled_until: windows that start before this are in the level.
        whole_until: start of the period that holds *rolled_until*; those before it are complete.
        kept_from: what starts before this is dropped.
    """

    level: str
    rolled_until: datetime
    whole_until: datetime
    kept_from: datetime


def ensure_levels(connection: Connection) -> None:
    """Make the row of each level that has none."""
    rows = [
        {"level": name, "rolled_until": EPOCH, "whole_until": EPOCH, "kept_from": EPOCH}
        for name in SPANS
    ]
    connection.execute(upsert(connection, history_level).on_conflict_do_nothing(), rows)


def read_levels(connection: Connection) -> dict[str, LevelRecord]:
    """Return each level by name."""
    rows = connection.execute(select(*history_level.c).order_by(history_level.c.level))
    return {row.level: LevelRecord(*row) for row in rows}


def floor_to(moment: datetime, span: timedelta) -> datetime:
    """Return the start of the *span* (counted from 1970, UTC) that holds *moment*."""
    return EPOCH + (moment - EPOCH) // span * span


def start_sql(column: str, level: str, dialect: str) -> str:
    """Return the SQL for the start of the minute, hour or day that holds *column*."""
    seconds = int(SPANS[level].total_seconds())
    if dialect == "sqlite":
        return f"{column} - {column} % {seconds}"
    unit = {"window": "minute"}.get(level, level)
    return f"date_trunc('{unit}', {column}, 'UTC')"


def mark_sql(level: str, mark: str) -> str:
    """Return the SQL for how far *level* reaches."""
    return f"(SELECT {mark} FROM history_level WHERE level = '{level}')"


def period_arms(level: str, dialect: str, columns: Sequence[str]) -> list[str]:
    """Return the queries that give together all of history in periods of *level*, each once.

    Args:
        level: ``hour`` or ``day``, or ``window`` for the counts as they were made.
        dialect: of SQL.
        columns: the counts that are wanted.
    """
    if level == "window":
        recent = [_kept("window", columns)]
        return [*recent, _between("hour", "window", columns), _older("hour", columns)]
    arms = [_whole(level, columns), _open(level, dialect, columns)]
    return arms if level == "day" else [*arms, _older("hour", columns)]


def _select(table: str, columns: Sequence[str], condition: str) -> str:
    return f"SELECT window_start, series, {', '.join(columns)} FROM {table} WHERE {condition}"


def _kept(level: str, columns: Sequence[str]) -> str:
    return _select(f"{level}_counts", columns, f"window_start >= {mark_sql(level, 'kept_from')}")


def _between(level: str, finer: str, columns: Sequence[str]) -> str:
    kept, before = mark_sql(level, "kept_from"), mark_sql(finer, "kept_from")
    return _select(
        f"{level}_counts", columns, f"window_start >= {kept} AND window_start < {before}"
    )


def _older(finer: str, columns: Sequence[str]) -> str:
    return _select("day_counts", columns, f"window_start < {mark_sql(finer, 'kept_from')}")


def _whole(level: str, columns: Sequence[str]) -> str:
    kept, until = mark_sql(level, "kept_from"), mark_sql(level, "whole_until")
    return _select(f"{level}_counts", columns, f"window_start >= {kept} AND window_start < {until}")


def _open(level: str, dialect: str, columns: Sequence[str]) -> str:
    """Return what is in the level of the period that is not complete, and what is not in it yet."""
    rolled = _select(
        f"{level}_counts", columns, f"window_start >= {mark_sql(level, 'whole_until')}"
    )
    start = start_sql("window_start", level, dialect)
    newer = (
        f"SELECT {start} AS window_start, series, {', '.join(columns)} FROM window_counts "
        f"WHERE window_start >= {mark_sql(level, 'rolled_until')}"
    )
    sums = ", ".join(f"SUM({name}) AS {name}" for name in columns)
    return (
        f"SELECT window_start, series, {sums} FROM ({rolled} UNION ALL {newer}) AS open "
        "GROUP BY window_start, series"
    )
