"""Reading the counted windows, one by one or rolled up to a period's rate."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, select

from .columns import Count
from .histogram import N_BINS, n_ood_bins
from .periods import Period, floor
from .records import RateRow, ScoreSummary, WindowRecord
from .tables import BINS, score_summary, score_window
from .tables import stream as stream_table
from .views import period_start


def read_windows(
    connection: Connection,
    stream: str,
    detector: str,
    *,
    after: datetime | None,
    until: datetime,
    segments: Collection[str] | None,
) -> list[WindowRecord]:
    """Return the windows that start after *after* and before *until*, in order."""
    table = score_window.c
    keys = (table.segment, table.layer, table.window_start)
    scores = (table.score_sum, table.score_sum_squares, table.score_min, table.score_max)
    left_out = (table.left_out, table.left_out_ood)
    query = (
        select(*keys, *(table[name] for name in BINS), *scores, *left_out)
        .where(table.stream == stream, table.detector == detector, table.window_start < until)
        .order_by(table.window_start, table.segment, table.layer)
    )
    if after is not None:
        query = query.where(table.window_start > after)
    if segments is not None:
        query = query.where(table.segment.in_(segments))
    first, last = len(keys), len(keys) + N_BINS
    return [
        WindowRecord(row[0], row[1], row[2], tuple(row[first:last]), *row[last:])
        for row in connection.execute(query)
    ]


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
    alpha = connection.scalar(select(stream_table.c.alpha).where(stream_table.c.stream == stream))
    if alpha is None:
        return []
    table = score_window.c
    start = _period(period, connection.dialect.name)
    keys = (start, table.segment, table.layer, table.detector)
    ood = _ood_events(alpha)
    totals = (
        _total(table.events).label("events"),
        _total(ood).label("ood_events"),
        _total(table.events + table.left_out).label("represented"),
        _total(ood + table.left_out_ood).label("represented_ood"),
    )
    query = select(*keys, *totals).where(table.stream == stream, table.events > 0).group_by(*keys)
    if segment is not None:
        query = query.where(table.segment == segment)
    if layer is not None:
        query = query.where(table.layer == layer)
    if since is not None:
        query = query.where(table.window_start >= floor(since, period))
    if until is not None:
        query = query.where(table.window_start < until)
    newest = query.order_by(*(key.desc() for key in keys)).limit(limit)
    rows = connection.execute(newest).all()
    return [_rate_row(row, alpha) for row in reversed(rows)]


def read_p_value_counts(
    connection: Connection, stream: str, *, period: Period, segment: str, since: datetime | None
) -> list[tuple[datetime, tuple[int, ...]]]:
    """Return each period's combined p-values by bin, in order."""
    table = score_window.c
    start = _period(period, connection.dialect.name)
    bins = [_total(table[name]).label(name) for name in BINS]
    query = select(start, *bins).where(
        table.stream == stream, table.segment == segment, table.layer == "*", table.events > 0
    )
    if since is not None:
        query = query.where(table.window_start >= floor(since, period))
    rows = connection.execute(query.group_by(start).order_by(start))
    return [(row[0], tuple(row[1:])) for row in rows]


def estimate_left_out(connection: Connection, stream: str, alpha: float) -> None:
    """Estimate again how many of the events that sampling left out were out of distribution.

    Only the counts by bin are kept, so each window's own share stands in for the weights that its
    events had; the two are equal where one rate of sampling held for the whole window.
    """
    table = score_window.c
    share = (table.left_out * _ood_events(alpha) + table.events // 2) // table.events
    sampled = (table.stream == stream, table.left_out > 0, table.events > 0)
    connection.execute(score_window.update().where(*sampled).values(left_out_ood=share))


def read_segments(connection: Connection, stream: str) -> dict[str, datetime]:
    """Return every segment that was ever counted, in order, with the start of its newest window.

    It steps from one to the next by the index, so that history costs nothing.
    """
    table = score_window.c
    mine = (table.stream == stream, table.layer == "*")
    first = select(func.min(table.segment).label("segment")).where(*mine)
    steps = first.cte("steps", recursive=True)
    after = select(func.min(table.segment)).where(*mine, table.segment > steps.c.segment)
    steps = steps.union_all(
        select(after.scalar_subquery()).where(steps.c.segment.is_not(None)).select_from(steps)
    )
    newest = select(func.max(table.window_start)).where(*mine, table.segment == steps.c.segment)
    query = select(steps.c.segment, newest.scalar_subquery())
    rows = connection.execute(query.where(steps.c.segment.is_not(None)))
    return dict(sorted((row[0], row[1]) for row in rows))


def event_counts(connection: Connection, stream: str) -> dict[str, int]:
    """Return how many events each segment counted, over all detectors."""
    table = score_window.c
    query = (
        select(table.segment, _total(table.events).label("events"))
        .where(table.stream == stream, table.layer == "*")
        .group_by(table.segment)
        .order_by(table.segment)
    )
    return {row.segment: row.events for row in connection.execute(query)}


def read_summaries(connection: Connection, stream: str) -> list[ScoreSummary]:
    """Return the layers' running statistics; those that were not a number come back as NaN."""
    table = score_summary.c
    columns = (
        *(table.layer, table.events, table.mean, table.variance, table.minimum, table.maximum),
        *(table.p05, table.p50, table.p95),
    )
    rows = connection.execute(select(*columns).where(table.stream == stream).order_by(table.layer))
    return [ScoreSummary(row[0], row[1], *(_number(value) for value in row[2:])) for row in rows]


def _ood_events(alpha: float) -> ColumnElement[int]:
    first, *others = BINS[: n_ood_bins(alpha)]
    return sum((score_window.c[name] for name in others), start=score_window.c[first])


def _rate_row(row: Row[Any], alpha: float) -> RateRow:
    return RateRow(
        period_start=row[0],
        segment=row.segment,
        layer=row.layer,
        detector=row.detector,
        events=row.events,
        ood_events=row.ood_events,
        ood_rate=row.represented_ood / row.represented,
        represented=row.represented,
        alpha=alpha,
    )


def _total(counts: ColumnElement[int]) -> ColumnElement[int]:
    return func.sum(counts, type_=Count).cast(Count)


def _period(period: Period, dialect: str) -> ColumnElement[datetime]:
    if period == "window":
        return score_window.c.window_start
    return period_start(period, dialect).label("period_start")


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
