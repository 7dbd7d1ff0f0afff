"""The page of one stream: everything on it comes from the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from driftgauge.storage import LIVE_STATES, AlertRecord, Store, StreamRecord

from ..review.class_mix import ClassShare, class_mix
from ..review.normal import normal_class_shares, normal_rates
from ..review.standing import stream_standing
from ..terminal.natural_order import natural_key
from .chart import Chart, Mark, axis_top, rate_paths
from .heat import heat_strip
from .page import write_page
from .shots import Shot, shots
from .span import Covered, PeriodColumn, cover, total
from .worked_example import StripColumn, in_words, most_telling

ALL = "*"
MAX_SEGMENTS = 10
MAX_ALERTS = 50
_FRAMES = 4
_CLASSES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportScope:
    """What a page is asked to show.

    Attributes:
        since: from then on, in event time.
        segment: only this one; None for all.
        normal: segment to its own rate while nothing is wrong.
        now: when the page is made.
    """

    stream: StreamRecord
    since: datetime
    segment: str | None
    normal: Mapping[str, float]
    now: datetime


@dataclass(frozen=True, slots=True)
class _Frames:
    """Frames of one segment: lists with their headings."""

    segment: str
    kept: list[tuple[str, list[Shot]]]


def write_stream_report(
    path: Path,
    store: Store,
    stream: StreamRecord,
    *,
    since: datetime | None,
    now: datetime,
    segment: str | None = None,
) -> None:
    """Write one page, also of a stream without images: it says so.

    Args:
        path: of the page.
        store: of the stream.
        stream: a registered one.
        since: the page begins there, in event time; None is one day before the newest image.
        now: dates the page.
        segment: only this one; None for all.
    """
    newest = max(store.segments(stream.stream).values(), default=now)
    begin = since or newest + timedelta(seconds=stream.window_seconds) - timedelta(days=1)
    normal = normal_rates(store, stream.stream)
    wanted = ReportScope(stream=stream, since=begin, segment=segment, normal=normal, now=now)
    write_page(path, __package__, "stream_report.html.jinja", _values(store, wanted))


def _values(store: Store, wanted: ReportScope) -> dict[str, Any]:
    covered = cover(store, wanted.stream, since=wanted.since, segment=wanted.segment)
    alerts = _alerts(store, wanted, covered)
    values: dict[str, Any] = {
        "wanted": wanted,
        "stream": wanted.stream,
        "live": [alert for alert in alerts if alert.state in LIVE_STATES],
        "alerts": [(alert, store.transitions(alert.id or 0)) for alert in alerts[:MAX_ALERTS]],
        "n_more_alerts": max(0, len(alerts) - MAX_ALERTS),
        "standing": stream_standing(store, wanted.stream),
        "has_images": bool(store.segments(wanted.stream.stream)),
        "facts": _facts(store, wanted, covered),
        "covered": covered,
    }
    if covered is not None:
        values |= _covered_values(store, wanted, covered, alerts)
    return values


def _alerts(store: Store, wanted: ReportScope, covered: Covered | None) -> list[AlertRecord]:
    """Return the alerts that lived in the time that the page covers, newest first."""
    begin = covered.axis.begin if covered else wanted.since
    return [
        alert
        for alert in store.alerts(wanted.stream.stream, segment=wanted.segment)
        if alert.refreshed_at >= begin or alert.state in LIVE_STATES
    ]


def _covered_values(
    store: Store, wanted: ReportScope, covered: Covered, alerts: Sequence[AlertRecord]
) -> dict[str, Any]:
    ranked = _worst_first(wanted, covered, alerts)
    shown = ranked[:MAX_SEGMENTS]
    top = axis_top([column.rate for name in shown for column in covered.segments[name]])
    totals = {name: total(covered.segments[name]) for name in shown}
    by_segment = {name: [a for a in alerts if a.segment == name] for name in shown}
    return {
        "charts": [
            (_chart(store, wanted, covered, name, alerts=by_segment[name], top=top), totals[name])
            for name in shown
        ],
        "classes": {name: _classes(store, wanted, covered, name) for name in shown},
        "overall": _overall(covered),
        "n_segments": sum(name != ALL for name in covered.segments),
        "n_more": len(ranked) - len(shown),
        "ticks": covered.axis.clock_ticks(),
        "column": _column_name(wanted.stream, covered),
        "example": _example(wanted, covered, shown),
        "frames": [_frames(store, wanted, covered, name, by_segment[name]) for name in shown],
    }


def _worst_first(wanted: ReportScope, covered: Covered, alerts: Sequence[AlertRecord]) -> list[str]:
    """Return the segments: all together first, then by live alerts, alerts, and the rate's excess."""

    def rank(name: str) -> tuple[object, ...]:
        mine = [alert for alert in alerts if alert.segment == name]
        excess = total(covered.segments[name]).rate - wanted.normal.get(name, wanted.stream.alpha)
        live = sum(alert.state in LIVE_STATES for alert in mine)
        return name != ALL, -live, -len(mine), -excess, natural_key(name)

    return sorted(covered.segments, key=rank)


def _classes(store: Store, wanted: ReportScope, covered: Covered, segment: str) -> list[ClassShare]:
    """Return the predicted classes whose shares differ most from normal."""
    found = class_mix(
        *(store, wanted.stream.stream, segment),
        since=covered.axis.begin,
        until=covered.axis.end,
        period="day" if covered.period == "day" else "hour",
        normal=normal_class_shares(store, wanted.stream.stream).get(segment),
    )
    return found[:_CLASSES]


def _overall(covered: Covered) -> PeriodColumn:
    """Return all images together: those of ``*``, or the sum where it was not counted."""
    whole = covered.segments.get(ALL)
    return total(whole or [column for row in covered.segments.values() for column in row])


def _chart(
    store: Store,
    wanted: ReportScope,
    covered: Covered,
    segment: str,
    *,
    alerts: Sequence[AlertRecord],
    top: float,
) -> Chart:
    axis, columns = covered.axis, covered.segments[segment]
    width = axis.share(covered.width)
    points = [(axis.place(column.start), column.rate) for column in columns]
    line, area = rate_paths(points, width, top=top)
    counts = store.p_value_counts(
        wanted.stream.stream, period=covered.period, segment=segment, since=wanted.since
    )
    return Chart(
        name=segment,
        line=line,
        area=area,
        heat=heat_strip([(axis.place(start), row) for start, row in counts], width),
        alerts=tuple(_alert_mark(covered, wanted.stream, alert) for alert in alerts),
        highest=max(column.rate for column in columns),
        normal=wanted.normal.get(segment),
        state="alert" if any(alert.state in LIVE_STATES for alert in alerts) else "quiet",
        top=top,
        shows_normal=True,
    )


def _alert_mark(covered: Covered, stream: StreamRecord, alert: AlertRecord) -> Mark:
    window = timedelta(seconds=stream.window_seconds)
    left = covered.axis.place(alert.window_start + window)
    right = covered.axis.place(alert.refreshed_at + window)
    title = f"alert {alert.id}: {alert.message}"
    return Mark(left, max(0.0, right - left), f"{alert.id}", title, "alert")


def _column_name(stream: StreamRecord, covered: Covered) -> str:
    names = {"window": f"window of {stream.window_seconds} s", "day": "day (UTC)"}
    return names.get(covered.period, covered.period)


def _example(wanted: ReportScope, covered: Covered, shown: Sequence[str]) -> str:
    columns = {
        name: [
            StripColumn(
                name,
                _column_name(wanted.stream, covered),
                column.start,
                column.events,
                column.ood_events,
                wanted.stream.alpha,
                wanted.normal.get(name),
            )
            for column in covered.segments[name]
        ]
        for name in shown
    }
    column = most_telling(columns)
    return in_words(column) if column else ""


def _frames(
    store: Store,
    wanted: ReportScope,
    covered: Covered,
    segment: str,
    alerts: Sequence[AlertRecord],
) -> _Frames:
    """Return the most unusual frames, since the newest alert if there is one, and typical ones."""
    name, begin = wanted.stream.stream, covered.axis.begin
    if not alerts:
        unusual = store.evidence(name, segment=segment, kind="unusual", since=begin, limit=_FRAMES)
        typical = store.evidence(name, segment=segment, kind="typical", since=begin, limit=_FRAMES)
        return _Frames(segment, [("most unusual", shots(unusual)), ("typical", shots(typical))])
    alert = alerts[0]
    until = alert.refreshed_at + timedelta(seconds=wanted.stream.window_seconds)
    unusual = store.evidence(
        name, segment=segment, kind="unusual", since=alert.since, until=until, limit=_FRAMES
    )
    typical = store.evidence(
        name, segment=segment, kind="typical", until=alert.since, limit=_FRAMES
    )
    heading = f"most unusual while alert {alert.id} was kept open"
    return _Frames(segment, [(heading, shots(unusual)), ("typical before it", shots(typical))])


def _facts(store: Store, wanted: ReportScope, covered: Covered | None) -> dict[str, str]:
    stream = wanted.stream
    detector, monitor = store.active_detector(stream.stream), store.monitor_state(stream.stream)
    judged = f"{monitor.cursor:%Y-%m-%d %H:%M:%S} UTC" if monitor else "not yet"
    facts = {
        "stream": stream.stream,
        "topic": stream.topic,
        "windows": f"{stream.window_seconds} s",
        "out of distribution": f"p-value at most {stream.alpha:g}",
        "detector": f"{detector.detector} ({detector.uri})" if detector else "none registered",
        "judged for drift until": judged,
    }
    if covered is not None:
        facts["a column of a chart"] = f"a {_column_name(stream, covered)}"
    return facts
