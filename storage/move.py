"""Moving the counts of an earlier version to their new tables, in transactions of a few seconds.

What was moved stays moved: after a kill the next upgrade goes on behind the newest time that is there. No
agent counts meanwhile, since a database with a table left to move is not current.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, column, func, inspect, select, text
from sqlalchemy import table as table_clause

from .columns import UtcTimestamp
from .counts import note_moments
from .history_tables import window_counts
from .partitions import ensure_partitions
from .tables import BINS

OLD = "score_window_old"
STEP_ROWS = 100_000

_TIME = column("window_start", UtcTimestamp)
_OLD_TABLE = table_clause(OLD, _TIME)
_ZEROS = ("left_out", "left_out_ood", *BINS)


def is_left_to_move(connection: Connection) -> bool:
    """Return whether an upgrade was begun and not finished."""
    return inspect(connection).has_table(OLD)


def n_to_move(connection: Connection) -> int:
    """Return how many rows are left."""
    after = _moved_until(connection)
    query = select(func.count()).select_from(_OLD_TABLE)
    return connection.scalar(query if after is None else query.where(after < _TIME)) or 0


def move_some(connection: Connection, *, step_rows: int = STEP_ROWS) -> int:
    """Move about *step_rows* rows, whole windows, the oldest first; return how many.

    When none is left, the old table is dropped and 0 returned.
    """
    after = _moved_until(connection)
    rest = select(_TIME).select_from(_OLD_TABLE).order_by(_TIME)
    if after is not None:
        rest = rest.where(after < _TIME)
    until = connection.scalar(rest.offset(step_rows - 1).limit(1)) or connection.scalar(
        select(func.max(_TIME, type_=UtcTimestamp)).select_from(_OLD_TABLE)
    )
    first = connection.scalar(rest.limit(1))
    if first is None or until is None:
        connection.execute(text(f"DROP TABLE {OLD}"))
        return 0
    return _move(connection, first, until)


def _moved_until(connection: Connection) -> datetime | None:
    newest: datetime | None = connection.scalar(select(func.max(window_counts.c.window_start)))
    return newest


def _move(connection: Connection, first: datetime, until: datetime) -> int:
    query = select(_TIME).select_from(_OLD_TABLE).where(_TIME.between(first, until)).distinct()
    times = {row[0] for row in connection.execute(query)}
    if connection.dialect.name == "sqlite":
        note_moments(connection, times)
        seconds = "CAST(strftime('%s', window_start) AS INTEGER)"
    else:
        ensure_partitions(connection, times)
        seconds = "date_trunc('second', window_start)"
    names = ("score_max", "score_sum", "events")
    key = ("stream", "detector", "segment", "layer")
    moved = connection.execute(
        text(
            f"INSERT INTO window_counts (window_start, series, {', '.join((*names, *_ZEROS))}) "
            f"SELECT {seconds}, series.id, {', '.join(names)}, "
            f"{', '.join(f'NULLIF({name}, 0)' for name in _ZEROS)} FROM {OLD} AS old JOIN series ON "
            f"{' AND '.join(f'series.{name} = old.{name}' for name in key)} "
            "WHERE window_start BETWEEN :first AND :until ORDER BY 1, 2"
        ).bindparams(
            bindparam("first", first, UtcTimestamp), bindparam("until", until, UtcTimestamp)
        )
    )
    return moved.rowcount
