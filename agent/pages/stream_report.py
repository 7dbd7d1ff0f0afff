"""The report of any stream, from its database: rates by segment, alerts in words, frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from driftgauge.storage import AlertRecord, Store, StreamRecord

from ..review.normal import normal_rates
from ..review.standing import stream_standing
from .chart import Axis, SegmentChart, alert_mark, segment_chart
from .page import write_page
from .shown_picture import ShownPicture, shown_picture

MOST_SEGMENTS = 40
"""Charts on one page: segments with alerts first, then those with the most images."""

_THUMBNAILS = 8
Period = Literal["window", "hour"]
_FINE_SPAN = timedelta(days=2)
"""Up to so long a span is drawn by windows, with their p-values; longer ones by hours."""


@dataclass(frozen=True, slots=True)
class ReportSpan:
    """What a report covers: event time from *since* until *until*."""

    since: datetime
    until: datetime

    @property
    def is_fine(self) -> bool:
        """Whether windows are drawn, else hours."""
        return self.until - self.since <= _FINE_SPAN


@dataclass(frozen=True, slots=True)
class _Scope:
    """What the page is about, for the functions that make its parts."""

    store: Store
    stream: StreamRecord
    span: ReportSpan
    alerts: Sequence[AlertRecord]
    normal: Mapping[str, float]

    @property
    def window(self) -> timedelta:
        return timedelta(seconds=self.stream.window_seconds)

    @property
    def axis(self) -> Axis:
        period = self.window if self.span.is_fine else timedelta(hours=1)
        return Axis(self.span.since, self.span.until, period)


def write_stream_report(
    path: Path, store: Store, stream: StreamRecord, *, since: datetime | None, now: datetime
) -> None:
    """Write one page, from *since* to the newest image counted.

    Args:
        since: None is one day before the newest image.
        now: dates the page.
    """
    scope = _scope(store, stream, since, now)
    counts = store.event_counts(stream.stream)
    segments = _chosen(counts, scope.alerts)
    context = {
        "stream": stream,
        "span": scope.span,
        "written_at": now,
        "standing": stream_standing(store, stream),
        "charts": [_chart(scope, name) for name in segments],
        "n_segments": len(counts),
        "ticks": scope.axis.ticks(is_relative=False),
        "alerts": scope.alerts,
        "pictures": [found for name in segments if (found := _pictures(scope, name))],
        "period": "window" if scope.span.is_fine else "hour",
    }
    write_page(path, __package__, "stream_report.html.jinja", context)


def _scope(store: Store, stream: StreamRecord, since: datetime | None, now: datetime) -> _Scope:
    span = _span(store, stream, since, now)
    alerts = sorted(store.alerts(stream.stream), key=lambda alert: alert.window_start)
    return _Scope(
        store,
        stream,
        span,
        [alert for alert in alerts if alert.refreshed_at >= span.since],
        normal_rates(store, stream.stream),
    )


def _span(store: Store, stream: StreamRecord, since: datetime | None, now: datetime) -> ReportSpan:
    counted = [row.event_time_max for row in store.partitions(stream.stream) if row.event_time_max]
    newest = max(counted, default=now) + timedelta(seconds=stream.window_seconds)
    begin = (
        newest - timedelta(days=1) if since is None else min(since, newest - timedelta(minutes=1))
    )
    first = store.rates(stream.stream, period="hour", segment="*", since=begin)
    if first:
        begin = max(begin, first[0].period_start)
    return ReportSpan(begin, newest)


def _chosen(counts: Mapping[str, int], alerts: Sequence[AlertRecord]) -> list[str]:
    alerted = {alert.segment for alert in alerts}
    order = sorted(counts, key=lambda name: (name not in alerted, -counts[name], name))
    return sorted(order[:MOST_SEGMENTS], key=lambda name: (name == "*", name not in alerted, name))


def _chart(scope: _Scope, segment: str) -> SegmentChart:
    store, name, span, axis = scope.store, scope.stream.stream, scope.span, scope.axis
    period: Period = "window" if span.is_fine else "hour"
    detector = store.active_detector(name)
    windows = (
        store.windows(
            name, detector.detector, after=span.since, until=span.until, segments=[segment]
        )
        if detector and span.is_fine
        else []
    )
    own = [alert for alert in scope.alerts if alert.segment == segment]
    return segment_chart(
        axis,
        _title(segment),
        rates=store.rates(name, period=period, segment=segment, since=span.since),
        windows=[row for row in windows if row.layer == "*"],
        alerts=[alert_mark(axis, alert, window=scope.window) for alert in own],
        normal=scope.normal.get(segment),
    )


def _pictures(scope: _Scope, segment: str) -> dict[str, object] | None:
    """Return the segment's frames, None where none are kept."""
    found: dict[str, list[ShownPicture]] = {}
    for kind in ("unusual", "typical"):
        records = scope.store.evidence(
            scope.stream.stream,
            segment=segment,
            kind=kind,
            since=scope.span.since,
            limit=_THUMBNAILS,
        )
        found[kind] = [shown_picture(record) for record in records]
    return {"name": _title(segment), **found} if any(found.values()) else None


def _title(segment: str) -> str:
    return "all images" if segment == "*" else segment
