"""Reading the counted windows, one by one or rolled up to a period's rate."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import add

from sqlalchemy import (
    Connection,
    Subquery,
    TableClause,
    TextClause,
    bindparam,
    column,
    func,
    literal,
    select,
    text,
)
from sqlalchemy import table as view_clause

from .columns import Count, UtcSecond, UtcTimestamp, whole_second
from .flush_records import ScoreSummary, WindowRecord
from .histogram import N_BINS, n_ood_bins
from .history_tables import day_counts, hour_counts, series, window_counts
from .levels import period_arms
from .periods import Period, floor
from .rate_views import rate_view
from .shadows import scored_alone
from .stream_records import RateRow
from .tables import BINS, score_summary, segment_progress
from .tables import stream as stream_table

_VIEWS: dict[Period, str] = {
    "window": "by_window",
    "minute": "minutely",
    "hour": "hourly",
    "day": "daily",
}
_RATE_COLUMNS = (
    *("period_start", "segment", "layer", "detector", "events", "ood_events", "ood_rate"),
    *("represented", "alpha"),
)


def read_windows(
    connection: Connection,
    stream: str,
    detector: str,
    *,
    after: datetime | None,
    until: datetime,
    segments: Collection[str] | None,
    layers: Collection[str] | None = None,
) -> list[WindowRecord]:
    """Return the windows that start after *after* and before *until*, in order."""
    table, names = window_counts.c, series.c
    keys = (names.segment, names.layer, table.window_start)
    bins = (func.coalesce(table[name], 0) for name in BINS)
    left_out = (func.coalesce(table.left_out, 0), func.coalesce(table.left_out_ood, 0))
    query = (
        select(*keys, *bins, table.score_sum, table.score_max, *left_out)
        .select_from(window_counts.join(series, names.id == table.series))
        .where(
            names.stream == stream,
            names.detector == detector,
            table.window_start < whole_second(until),
        )
        .order_by(table.window_start, names.segment, names.layer)
    )
    if after is not None:
        query = query.where(table.window_start > after)
    if segments is not None:
        query = query.where(names.segment.in_(segments))
    if layers is not None:
        query = query.where(names.layer.in_(layers))
    first, last = len(keys), len(keys) + N_BINS
    return [
        WindowRecord(row[0], row[1], row[2], tuple(row[first:last]), *row[last:])
        for row in connection.execute(query)
    ]


def first_window(
    connection: Connection,
    stream: str,
    detector: str,
    segments: Collection[str],
    *,
    after: datetime | None,
    until: datetime | None = None,
) -> datetime | None:
    """Return the start of the first window of any of *segments* after a moment.

    With *until*, any window that starts before it is as good: a database finds one without sorting.
    """
    names, start = series.c, window_counts.c.window_start
    own = (names.stream == stream, names.detector == detector, names.layer == "*")
    ids = connection.scalars(select(names.id).where(*own, names.segment.in_(segments))).all()
    query = select(start).where(window_counts.c.series.in_(ids)).limit(1)
    if after is not None:
        query = query.where(start > after)
    query = query.order_by(start) if until is None else query.where(start < until)
    found: datetime | None = connection.scalar(query)
    return found


def read_rates(
    connection: Connection,
    stream: str,
    *,
    period: Period,
    segment: str | None,
    layer: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int | None,
) -> list[RateRow]:
    """Return each period's OOD rate at the stream's alpha in order; *limit* keeps the newest."""
    begin = None if since is None else floor(since, period)
    view = _narrowed_rates(connection, period, _Only(stream, segment, layer, begin))
    columns = [view.c[name] for name in _RATE_COLUMNS]
    query = select(*columns).where(view.c.stream == stream)
    if segment is not None:
        query = query.where(view.c.segment == segment)
    if layer is not None:
        query = query.where(view.c.layer == layer)
    if begin is not None:
        query = query.where(view.c.period_start >= begin)
    if until is not None:
        query = query.where(view.c.period_start < until)
    newest = query.order_by(*(key.desc() for key in columns[:4])).limit(limit)
    return [RateRow(*row) for row in reversed(connection.execute(newest).all())]


def read_p_value_counts(
    connection: Connection, stream: str, *, period: Period, segment: str, since: datetime | None
) -> list[tuple[datetime, tuple[int, ...]]]:
    """Return each period's combined p-values by bin, in order."""
    level = "window" if period in ("window", "minute") else period
    dialect = connection.dialect.name
    only = _Only(stream, segment, "*", None if since is None else floor(since, period))
    arms = period_arms(level, dialect, ("events", *BINS), only=only.series, since=only.begin)
    arms = arms[: 1 if period == "window" else None]
    times = column("window_start", UtcSecond)
    columns = (times, column("series"), column("events"), *(column(name) for name in BINS))
    counted = only.bound(" UNION ALL ".join(arms)).columns(*columns).subquery("counted")
    names = series.c
    query = (
        select(counted.c.window_start, *(func.coalesce(counted.c[name], 0) for name in BINS))
        .join(series, names.id == counted.c.series)
        .where(names.stream == stream, names.segment == segment, names.layer == "*")
        .where(counted.c.events > 0, scored_alone(names.detector))
    )
    if since is not None:
        query = query.where(counted.c.window_start >= floor(since, period))
    counts: dict[datetime, list[int]] = {}
    for row in connection.execute(query.order_by(counted.c.window_start)):
        summed = counts.setdefault(floor(row[0], period), [0] * len(BINS))
        summed[:] = map(add, summed, row[1:])
    return [(at, tuple(summed)) for at, summed in counts.items()]


def estimate_left_out(connection: Connection, stream: str, alpha: float) -> None:
    """Estimate again how many of the events that sampling left out were out of distribution.

    Only the counts by bin are kept, so each window's own share stands in for the weights that its
    events had; the two are equal where one rate of sampling held for the whole window.
    """
    mine = select(series.c.id).where(series.c.stream == stream)
    for level in (window_counts, hour_counts, day_counts):
        counts = level.c
        bins = (func.coalesce(counts[name], 0) for name in BINS[: n_ood_bins(alpha)])
        share = (
            counts.left_out * sum(bins, start=literal(0)) + counts.events // 2
        ) // counts.events
        sampled = (counts.series.in_(mine), counts.left_out > 0, counts.events > 0)
        connection.execute(level.update().where(*sampled).values(left_out_ood=share))


def read_segments(connection: Connection, stream: str) -> dict[str, datetime]:
    """Return every segment that was ever counted, in order, with the start of its newest window."""
    progress = segment_progress.c
    query = (
        select(progress.segment, func.max(progress.event_time_max), stream_table.c.window_seconds)
        .join(stream_table, stream_table.c.stream == progress.stream)
        .where(progress.stream == stream, scored_alone(progress.detector))
        .group_by(progress.segment, stream_table.c.window_seconds)
    )
    rows = connection.execute(query)
    return dict(sorted((row[0], _window_start(row[1], row[2])) for row in rows))


def event_counts(connection: Connection, stream: str) -> dict[str, int]:
    """Return how many events each segment counted, over all detectors."""
    view = _rate_view("day")
    total = func.sum(view.c.events, type_=Count).cast(Count)
    query = (
        select(view.c.segment, total)
        .where(view.c.stream == stream, view.c.layer == "*")
        .group_by(view.c.segment)
        .order_by(view.c.segment)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def read_summaries(connection: Connection, stream: str) -> list[ScoreSummary]:
    """Return the layers' running statistics; those that were not a number come back as NaN."""
    table = score_summary.c
    columns = (
        *(table.layer, table.events, table.mean, table.variance, table.minimum, table.maximum),
        *(table.p05, table.p50, table.p95),
    )
    newest = (
        select(table.detector)
        .where(table.stream == stream)
        .order_by(table.flushed_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    own = (table.stream == stream, table.detector == newest)  # a version before had other layers
    rows = connection.execute(select(*columns).where(*own).order_by(table.layer))
    return [ScoreSummary(row[0], row[1], *(_number(value) for value in row[2:])) for row in rows]


@dataclass(frozen=True, slots=True)
class _Only:
    """A condition on counts, as text with what is bound in it.

    It keeps SQLite from reading the whole history: it does not look for times that are joined.
    """

    stream: str
    segment: str | None
    layer: str | None
    since: datetime | None

    @property
    def series(self) -> str:
        """The condition on the series."""
        names = (name for name in ("stream", "segment", "layer") if getattr(self, name) is not None)
        wanted = " AND ".join(f"{name} = :only_{name}" for name in names)
        return f"series IN (SELECT id FROM series WHERE {wanted})"

    @property
    def begin(self) -> str:
        """What stands for the time; empty for none."""
        return "" if self.since is None else ":only_since"

    def bound(self, query: str) -> TextClause:
        """Return *query*, in which the condition stands, with its values."""
        given = [
            bindparam(f"only_{name}", getattr(self, name), UtcSecond if name == "since" else None)
            for name in ("stream", "segment", "layer", "since")
            if getattr(self, name) is not None
        ]
        return text(query).bindparams(*given)


def _narrowed_rates(connection: Connection, period: Period, only: _Only) -> Subquery:
    """Return the query of the view of rates, of some counts."""
    sql = rate_view(period, connection.dialect.name, only=only.series, since=only.begin)
    times = column("period_start", UtcTimestamp)
    columns = (times, *(column(name) for name in ("stream", *_RATE_COLUMNS[1:])))
    return only.bound(sql).columns(*columns).subquery("rates")


def _rate_view(period: Period) -> TableClause:
    """Return the view of rates by *period*, its times read as `UtcTimestamp`."""
    name = f"ood_rate_{_VIEWS[period]}"
    times = column("period_start", UtcTimestamp)
    return view_clause(name, times, *(column(name) for name in ("stream", *_RATE_COLUMNS[1:])))


def _window_start(moment: datetime, window_seconds: int) -> datetime:
    seconds = int(moment.timestamp()) // window_seconds * window_seconds
    return datetime.fromtimestamp(seconds, UTC)


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
