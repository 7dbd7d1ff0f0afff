"""Reading the counted windows, one by one or rolled up to a period's rate."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, select

from .columns import Count
from .periods import UNITS, Period, floor
from .records import N_BINS, N_OOD_BINS, RateRow, ScoreSummary, WindowRecord
from .tables import BINS, score_summary, score_window
from .views import period_start

_OOD_BINS = BINS[:N_OOD_BINS]


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
    limit: int | None,
) -> list[RateRow]:
    """Return the OOD rate at 0.01 of each period in order; *limit* keeps the newest rows."""
    table = score_window.c
    start = _period(period, connection.dialect.name)
    keys = (start, table.segment, table.layer, table.detector)
    ood = sum((table[name] for name in _OOD_BINS[1:]), start=table[_OOD_BINS[0]])
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
    newest = query.order_by(*(key.desc() for key in keys)).limit(limit)
    rows = connection.execute(newest).all()
    return [_rate_row(row) for row in reversed(rows)]


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


def _rate_row(row: Row[Any]) -> RateRow:
    return RateRow(
        period_start=row[0],
        segment=row.segment,
        layer=row.layer,
        detector=row.detector,
        events=row.events,
        ood_events=row.ood_events,
        ood_rate=row.represented_ood / row.represented,
        represented=row.represented,
    )


def _total(counts: ColumnElement[int]) -> ColumnElement[int]:
    return func.sum(counts, type_=Count).cast(Count)


def _period(period: Period, dialect: str) -> ColumnElement[datetime]:
    if period == "window":
        return score_window.c.window_start
    return period_start(UNITS[period], dialect).label("period_start")


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
