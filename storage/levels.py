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


def period_arms(
    level: str, dialect: str, columns: Sequence[str], *, only: str = "", since: str = ""
) -> list[str]:
    """Return the queries that give together all of history in periods of *level*, each once.

    *only* and *since* are for what a database does not put in there from outside by itself: where times
    are joined, or counts are added up.

    Args:
        level: ``hour`` or ``day``, or ``window`` for the counts as they were made.
        dialect: of SQL.
        columns: the counts that are wanted.
        only: a condition on ``series``; empty for none.
        since: a time as the counts have it; periods that start before it are left out.
    """
    counts = _Counts(dialect, columns, only, since)
    if level == "window":
        return [counts.kept("window"), counts.between("hour", "window"), counts.older("hour")]
    arms = [counts.whole(level), counts.open(level)]
    return arms if level == "day" else [*arms, counts.older("hour")]


@dataclass(frozen=True, slots=True)
class _Counts:
    """Makes queries of some columns of the counts; see `period_arms`."""

    dialect: str
    columns: Sequence[str]
    only: str
    since: str

    def kept(self, level: str) -> str:
        """Return what is kept in a level."""
        return self._select(f"{level}_counts", self._begins(mark_sql(level, "kept_from")))

    def between(self, level: str, finer: str) -> str:
        """Return what is kept in a level and no longer in a finer one."""
        begins, before = self._begins(mark_sql(level, "kept_from")), mark_sql(finer, "kept_from")
        return self._select(f"{level}_counts", f"{begins} AND window_start < {before}")

    def older(self, finer: str) -> str:
        """Return the days that are no longer in a finer level."""
        begins = f"window_start >= {self.since} AND " if self.since else ""
        before = f"window_start < {mark_sql(finer, 'kept_from')}"
        return self._select("day_counts", begins + before)

    def whole(self, level: str) -> str:
        """Return the periods of a level that are complete."""
        begins, until = self._begins(mark_sql(level, "kept_from")), mark_sql(level, "whole_until")
        return self._select(f"{level}_counts", f"{begins} AND window_start < {until}")

    def open(self, level: str) -> str:
        """Return what is in the level of the period that is not complete, and what is not in it yet."""
        begins = self._begins(mark_sql(level, "whole_until"))
        rolled = self._select(f"{level}_counts", begins)
        start = start_sql("window_start", level, self.dialect)
        begins = self._begins(mark_sql(level, "rolled_until"))
        newer = self._select("window_counts", begins, f"{start} AS window_start")
        sums = ", ".join(f"SUM({name}) AS {name}" for name in self.columns)
        return (
            f"SELECT window_start, series, {sums} FROM ({rolled} UNION ALL {newer}) AS open "
            "GROUP BY window_start, series"
        )

    def _begins(self, mark: str) -> str:
        """Return one condition: SQLite seeks by one of two, and that may be the wrong one."""
        if not self.since:
            return f"window_start >= {mark}"
        later = "MAX" if self.dialect == "sqlite" else "GREATEST"
        return f"window_start >= {later}({mark}, {self.since})"

    def _select(self, table: str, condition: str, start: str = "window_start") -> str:
        narrowed = f" AND {self.only}" if self.only else ""
        columns = ", ".join(self.columns)
        return f"SELECT {start}, series, {columns} FROM {table} WHERE {condition}{narrowed}"
