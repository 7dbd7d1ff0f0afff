"""Adding counts to the history, on both databases in one statement a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Table

from .arrays import number_array, text_array
from .columns import stored_text
from .flush_records import WindowRecord
from .history_tables import moment
from .series import SeriesKey
from .tables import BINS
from .upsert import upsert

SPARSE = ("left_out", "left_out_ood", *BINS)
COLUMNS = ("window_start", "series", "score_max", "events", "score_sum", *SPARSE)
_SQL_TYPES = {"window_start": "timestamptz", "score_max": "real", "score_sum": "double precision"}

CountRow = tuple[Any, ...]
"""Values of `COLUMNS`."""


def window_rows(windows: Sequence[WindowRecord], ids: Mapping[SeriesKey, int]) -> list[CountRow]:
    """Return a row a window in the order of the key; windows given twice are added up."""
    return add_up(
        _row((window.window_start, ids[stored_text(window.segment), window.layer]), window)
        for window in windows
    )


def add_up(rows: Iterable[CountRow]) -> list[CountRow]:
    """Return one row for each key, in order; those with one key are added up."""
    summed: dict[tuple[datetime, int], CountRow] = {}
    for row in rows:
        key = row[0], row[1]
        summed[key] = _sum(summed[key], row) if key in summed else row
    return [summed[key] for key in sorted(summed)]


def _row(key: tuple[datetime, int], window: WindowRecord) -> CountRow:
    scores = (window.score_max, window.events, window.score_sum)
    return (*key, *scores, window.left_out, window.left_out_ood, *window.counts)


def _sum(one: CountRow, other: CountRow) -> CountRow:
    added = (a + b for a, b in zip(one[3:], other[3:], strict=True))
    return (*one[:2], max(one[2], other[2]), *added)


def add_counts(connection: Connection, table: Table, rows: Sequence[CountRow]) -> None:
    """Add *rows*, in the order of their keys, to those of the same time and series in *table*."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        note_moments(connection, {row[0] for row in rows})
        _add_in_sqlite(connection, table, rows)
    else:
        _add_in_postgresql(connection, table, rows)


def note_moments(connection: Connection, times: set[datetime]) -> None:
    """Write the text of each of *times*, and of its minute, hour and day; SQLite only."""
    starts = {time.astimezone(UTC).replace(microsecond=0) for time in times}
    minutes = {time.replace(second=0) for time in starts}
    hours = {time.replace(minute=0) for time in minutes}
    days = {time.replace(hour=0) for time in hours}
    rows = [
        {"second": at, "window_start": f"{at:%Y-%m-%d %H:%M:%S}"}
        for at in sorted(starts | minutes | hours | days)
    ]
    if rows:
        connection.execute(upsert(connection, moment).on_conflict_do_nothing(), rows)


def _sum_sql(name: str, old: str, new: str) -> str:
    if name == "score_max":
        return f"CASE WHEN {new}.{name} > {old}.{name} THEN {new}.{name} ELSE {old}.{name} END"
    if name in ("events", "score_sum"):
        return f"{old}.{name} + {new}.{name}"
    return f"NULLIF(COALESCE({old}.{name}, 0) + COALESCE({new}.{name}, 0), 0)"


def changes_sql(old: str, new: str) -> str:
    """Return what an update sets where the row *old* gets the counts of *new* as well."""
    return ", ".join(f"{name} = {_sum_sql(name, old, new)}" for name in COLUMNS[2:])


def _add_in_sqlite(connection: Connection, table: Table, rows: Sequence[CountRow]) -> None:
    """Insert or add; a 0 becomes NULL, which takes no space."""
    marks = ", ".join("NULLIF(?, 0)" if name in SPARSE else "?" for name in COLUMNS)
    statement = (
        f"INSERT INTO {table.name} ({', '.join(COLUMNS)}) VALUES ({marks}) "
        f"ON CONFLICT (window_start, series) DO UPDATE SET {changes_sql(table.name, 'excluded')}"
    )
    first = table.c.window_start.type.bind_processor(connection.dialect)
    seconds = {time: first(time) if first else time for time in {row[0] for row in rows}}
    connection.exec_driver_sql(statement, [(seconds[row[0]], *row[1:]) for row in rows])


def _add_in_postgresql(connection: Connection, table: Table, rows: Sequence[CountRow]) -> None:
    """Add to the rows that are there, and insert the others, in one statement.

    The table has no key: the caller holds the locks of the segments' progress, so that nobody else adds
    to these series, and sees what was committed before it got them.
    """
    times, *numbers = zip(*rows, strict=True)
    values = {f"v{n}": number_array(column) for n, column in enumerate(numbers, 1)}
    values["v0"], values["starts"] = text_array(times), text_array(sorted(set(times)))
    connection.exec_driver_sql(_postgresql_statement(table.name), values)


def _postgresql_statement(table: str) -> str:
    arrays = ", ".join(
        f"%(v{n})s::{_SQL_TYPES.get(name, 'integer')}[]" for n, name in enumerate(COLUMNS)
    )
    inserted = ", ".join(
        f"NULLIF(a.{name}, 0)" if name in SPARSE else f"a.{name}" for name in COLUMNS
    )
    return (
        f"WITH added AS (SELECT * FROM unnest({arrays}) AS a ({', '.join(COLUMNS)})), "
        f"changed AS (UPDATE {table} AS old SET {changes_sql('old', 'a')} FROM added AS a "
        "WHERE old.window_start = a.window_start AND old.series = a.series "
        "AND old.window_start = ANY(%(starts)s::timestamptz[]) "
        "RETURNING old.window_start, old.series) "
        f"INSERT INTO {table} ({', '.join(COLUMNS)}) SELECT {inserted} FROM added AS a "
        "WHERE NOT EXISTS (SELECT 1 FROM changed AS c "
        "WHERE c.window_start = a.window_start AND c.series = a.series)"
    )
