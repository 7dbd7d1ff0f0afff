"""Histograms of many windows, as the monitor judges them: rows of integers, no object for each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Connection,
    Integer,
    Select,
    cast,
    extract,
    func,
    literal,
    select,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.elements import ColumnElement

from .columns import whole_second
from .history_tables import moment, series, window_counts
from .tables import BINS

N_KEYS = 2
"""Integers of a row before its counts."""

_START, _SERIES = itemgetter(0), itemgetter(1)


class WindowHistogram(NamedTuple):
    """One of them, for whoever reads few: layer ``*`` is the combined p-value."""

    segment: str
    layer: str
    window_start: datetime
    counts: tuple[int, ...]

    @property
    def events(self) -> int:
        """How many events the window counted."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class HistogramRows:
    """Histograms of windows in order of start.

    Attributes:
        series: number to segment and layer.
        rows: start in seconds since 1970, number of the series, then ``N_BINS`` counts.
    """

    series: Mapping[int, tuple[str, str]]
    rows: Sequence[Sequence[int]]

    def __len__(self) -> int:
        """Return how many histograms these are."""
        return len(self.rows)

    def __iter__(self) -> Iterator[WindowHistogram]:
        """Yield them one by one."""
        for start, number, *counts in self.rows:
            segment, layer = self.series[number]
            yield WindowHistogram(segment, layer, _moment(start), tuple(counts))

    @property
    def first(self) -> datetime:
        """Start of the first window; there is one."""
        return _moment(self.rows[0][0])

    @property
    def last(self) -> datetime:
        """Start of the last window; there is one."""
        return _moment(self.rows[-1][0])

    @property
    def segments(self) -> list[str]:
        """Return the segments that have any, by name."""
        return sorted({self.series[number][0] for number in {_SERIES(row) for row in self.rows}})

    def by_start(self) -> Iterator[tuple[datetime, HistogramRows]]:
        """Yield those of each start, in order."""
        for start, rows in groupby(self.rows, key=_START):
            yield _moment(start), replace(self, rows=list(rows))

    def until(self, last: Mapping[str, datetime]) -> HistogramRows:
        """Return them without those of a segment after its *last* start; one that has none keeps all."""
        ends = {
            number: last[segment].timestamp()
            for number, (segment, _) in self.series.items()
            if segment in last
        }
        kept = [row for row in self.rows if row[0] <= ends.get(row[1], row[0])]
        return replace(self, rows=kept)

    @classmethod
    def joined(cls, parts: Sequence[HistogramRows]) -> HistogramRows:
        """Return several, of different segments, as one in order of start."""
        if len(parts) == 1:
            return parts[0]
        names = {number: key for part in parts for number, key in part.series.items()}
        rows = [row for part in parts for row in part.rows]
        return cls(names, sorted(rows, key=_START))


def read_histograms(
    connection: Connection,
    stream: str,
    detector: str,
    *,
    after: datetime | None,
    until: datetime,
    segments: Collection[str] | None,
) -> HistogramRows:
    """Return the histograms of windows that start after *after* and before *until*, in order of start."""
    names, counts = series.c, window_counts.c
    own = [names.stream == stream, names.detector == detector]
    if segments is not None:
        own.append(names.segment.in_(segments))
    known = connection.execute(select(names.id, names.segment, names.layer).where(*own))
    found = {row[0]: (row[1], row[2]) for row in known}
    query = (
        select(
            _second(connection), counts.series, *(func.coalesce(counts[name], 0) for name in BINS)
        )
        .where(_is_one_of(connection, found, select(names.id).where(*own)))
        .where(*_starts(connection, after, until, n_series=len(found)))
        .order_by(counts.window_start, counts.series)
    )
    return HistogramRows(found, _fetched(connection, query))


def _is_one_of(
    connection: Connection, ids: Collection[int], query: Select[tuple[int]]
) -> ColumnElement[bool]:
    """Return the condition on the series: given by *query*, or to PostgreSQL as *ids*, which it hashes.

    It takes a query for few series, and looks each up by itself.
    """
    own = window_counts.c.series
    if connection.dialect.name == "sqlite":
        return own.in_(query)
    return own == func.any(literal(list(ids), ARRAY(Integer)))


def _starts(
    connection: Connection, after: datetime | None, until: datetime, *, n_series: int
) -> list[ColumnElement[bool]]:
    """Return the condition on the start of windows.

    SQLite has the counts by start and then by series: it looks few series up at each start that there is, and
    reads a span throughout for most of them.
    """

    def between(start: ColumnElement[Any]) -> list[ColumnElement[bool]]:
        begin = [] if after is None else [start > after]
        return [*begin, start < whole_second(until)]

    own = window_counts.c.window_start
    if connection.dialect.name != "sqlite":
        return between(own)
    n_all = connection.scalar(select(func.count()).select_from(series)) or 0
    if 2 * n_series > n_all:
        return between(own)
    second = moment.c.second
    return [own.in_(select(second).where(*between(second)))]


def _fetched(connection: Connection, query: Select[Any]) -> list[tuple[int, ...]]:
    """Return the driver's own tuples: an object of SQLAlchemy around each takes as long as to read it."""
    with connection.execute(query) as result:
        return [] if result.cursor is None else list(result.cursor.fetchall())


def _second(connection: Connection) -> ColumnElement[int]:
    """Return the start as an integer, which the driver gives without a look at each."""
    start = window_counts.c.window_start
    if connection.dialect.name == "sqlite":
        return type_coerce(start, BigInteger)
    return cast(extract("epoch", start), BigInteger)


def _moment(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)
