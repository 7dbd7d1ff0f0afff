"""One segment: its rates beside its own normal, its p-values, layers, frames, and how it is tested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Literal, get_args

from driftgauge.storage import EDGES, AlertRecord, MuteRecord, RateRow, StreamRecord

from ..pages.heat import ROW_EDGES, Shade, heat_strip, row_shares
from ..pages.shots import Shot
from ..review.class_mix import ClassShare, class_mix
from ..review.normal import normal_class_shares, normal_rates
from ..review.segment_worth import SegmentWorth, segment_worths
from .desk import Desk
from .errors import NothingThere, RequestUnusable
from .segment_line import SegmentLine, rate_points

Zoom = Literal["minute", "hour", "day"]
ZOOMS: tuple[Zoom, ...] = get_args(Zoom)

COLUMNS = {"minute": 240, "hour": 168, "day": 90}
"""Columns of a chart: four hours, a week, a quarter of a year."""

SECONDS = {"minute": 60, "hour": 3600, "day": 86_400}
_BEFORE = timedelta(days=28)
_FRAMES = 6
_LEAD = 10


@dataclass(frozen=True, slots=True)
class Share:
    """The images whose p-values lie between two edges: their share now, and before."""

    low: float
    high: float
    now: float
    before: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer's rates in the same time."""

    name: str
    line: SegmentLine


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentPage:
    """The page of a segment.

    Attributes:
        worth: how it stands, what it is tested against, and how soon a change would be told.
        zoom: what a column of the chart is.
        line: its rates; empty where it sent nothing in that time.
        p_values: its p-values in that time, and in the 28 days before.
        p_value_counts: those of each column, by bin.
        layers: those whose rates are highest first.
        alerts: that lived in that time, newest first.
        unusual: the most unusual frames in that time.
        typical: typical ones in that time.
        classes: that the model predicted in that time, beside its normal mix; empty where none is counted.
        newest_at: start of its newest window.
        earlier_at: where the chart ends that lies before; the same for *later_at*.
    """

    stream: StreamRecord
    worth: SegmentWorth
    mutes: Sequence[MuteRecord]
    zoom: Zoom
    line: SegmentLine
    p_values: Sequence[Share]
    p_value_counts: Sequence[tuple[datetime, tuple[int, ...]]]
    layers: Sequence[Layer]
    alerts: Sequence[AlertRecord]
    unusual: Sequence[Shot]
    typical: Sequence[Shot]
    classes: Sequence[ClassShare]
    newest_at: datetime
    earlier_at: datetime
    later_at: datetime | None
    made_at: datetime

    @property
    def strip(self) -> tuple[Shade, ...]:
        """The p-values of each column, to be drawn below the line."""
        places = [(self.line.axis.place(start), counts) for start, counts in self.p_value_counts]
        return heat_strip(places, self.line.width)


def segment_page(
    desk: Desk, name: str, segment: str, *, zoom: str = "", until: str = ""
) -> SegmentPage:
    """Return the page of one segment.

    Args:
        desk: the database.
        name: of the stream.
        segment: its name.
        zoom: what a column is: minute, hour or day; empty for the finest that shows all there is, or
            hours.
        until: where the chart ends, in event time; empty for the newest image.

    Raises:
        NothingThere: the stream has no such segment.
        RequestUnusable: *zoom* or *until* is none.
    """
    stream = desk.stream(name)
    seen = desk.store.segments(name)
    if segment not in seen:
        raise NothingThere(f"stream {name!r} has counted no image of segment {segment!r}")
    newest = seen[segment]
    chosen = _zoom(desk, stream, segment, zoom, newest)
    end = _end(chosen, _moment(until) or newest + timedelta(seconds=1))
    span = timedelta(seconds=SECONDS[chosen] * COLUMNS[chosen])
    begin = end - span
    rows = desk.store.rates(
        name, period=chosen, segment=segment, layer=None, since=begin, until=end
    )
    begin = _trimmed(begin, rows, timedelta(seconds=SECONDS[chosen]))
    normal = normal_rates(desk.store, name).get(segment)
    by_layer: dict[str, SegmentLine] = {
        layer: SegmentLine(
            begin=begin,
            end=end,
            column_seconds=SECONDS[chosen],
            points=rate_points([row for row in rows if row.layer == layer]),
            normal=normal if layer == "*" else None,
        )
        for layer in {"*", *(row.layer for row in rows)}
    }
    strip = [
        (start, counts)
        for start, counts in desk.store.p_value_counts(
            name, period=chosen, segment=segment, since=begin
        )
        if start < end
    ]
    return SegmentPage(
        stream=stream,
        worth=_worth(desk, stream, segment),
        mutes=[one for one in desk.store.mutes(name) if one.holds(segment)],
        zoom=chosen,
        line=by_layer["*"],
        p_values=_p_values(desk, name, segment, [counts for _, counts in strip], begin),
        layers=_layers(by_layer),
        alerts=_alerts(desk, stream, segment, begin, end),
        unusual=_frames(desk, name, segment, "unusual", by_layer["*"]),
        typical=_frames(desk, name, segment, "typical", by_layer["*"]),
        classes=_classes(desk, name, segment, chosen, begin, end),
        newest_at=newest,
        earlier_at=begin,
        later_at=end + span if end <= newest else None,
        p_value_counts=strip,
        made_at=desk.now(),
    )


def _zoom(desk: Desk, stream: StreamRecord, segment: str, zoom: str, newest: datetime) -> Zoom:
    for known in ZOOMS:
        if zoom == known:
            return known
    if zoom:
        raise RequestUnusable(f"zoom {zoom!r} is none of {', '.join(ZOOMS)}")
    span = timedelta(seconds=SECONDS["minute"] * COLUMNS["minute"])
    earlier = desk.store.rates(
        stream.stream, period="hour", segment=segment, since=newest - 2 * span, until=newest - span
    )
    return "hour" if earlier else "minute"


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise RequestUnusable(
            f"until={text!r} is no time; wanted one such as 2026-03-01T12:00"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _end(zoom: Zoom, moment: datetime) -> datetime:
    """Return where the column that holds *moment* ends."""
    seconds = SECONDS[zoom]
    try:
        return datetime.fromtimestamp((moment.timestamp() // seconds + 1) * seconds, UTC)
    except (OverflowError, ValueError, OSError):
        raise RequestUnusable(f"there are no images at {moment}") from None


def _trimmed(begin: datetime, rows: Sequence[RateRow], column: timedelta) -> datetime:
    """Return where a chart begins: shortly before its first image, where that is late."""
    first = min((row.period_start for row in rows), default=begin)
    return max(begin, first - _LEAD * column)


def _worth(desk: Desk, stream: StreamRecord, segment: str) -> SegmentWorth:
    """Return how it stands; the rows of all segments are read, for whoever asks next as well."""
    found = desk.shared(
        ("worths", stream.stream),
        lambda: segment_worths(desk.store, stream.stream, desk.judging(stream)),
    )
    for row in found:
        if row.segment == segment:
            return row
    return SegmentWorth(
        segment=segment, phase="waiting", why="it was just counted first", images=0, nearness=None
    )


def _p_values(
    desk: Desk, name: str, segment: str, now: Sequence[Sequence[int]], begin: datetime
) -> list[Share]:
    """Return the shares of p-values in the chart's time, beside those of the 28 days before it."""
    earlier = desk.store.p_value_counts(name, period="day", segment=segment, since=begin - _BEFORE)
    before = [counts for start, counts in earlier if start + timedelta(days=1) <= begin]
    shares_now = row_shares(_sum(now))
    shares_before = row_shares(_sum(before)) if before else None
    return [
        Share(low, high, shares_now[n], shares_before[n] if shares_before else None)
        for n, (low, high) in enumerate(pairwise(ROW_EDGES))
    ]


def _sum(counts: Sequence[Sequence[int]]) -> list[int]:
    return [sum(column) for column in zip(*counts, strict=True)] or [0] * (len(EDGES) - 1)


def _layers(by_layer: dict[str, SegmentLine]) -> list[Layer]:
    found = [Layer(name=layer, line=line) for layer, line in by_layer.items() if layer != "*"]
    return sorted(
        found, key=lambda one: (-(one.line.total.ood_rate if one.line.total else 0), one.name)
    )


def _alerts(
    desk: Desk, stream: StreamRecord, segment: str, begin: datetime, end: datetime
) -> list[AlertRecord]:
    window = timedelta(seconds=stream.window_seconds)
    return [
        alert
        for alert in desk.store.alerts(stream.stream, segment=segment)
        if alert.since < end and alert.refreshed_at + window >= begin
    ]


def _classes(  # noqa: PLR0917 - of what, and when
    desk: Desk, name: str, segment: str, zoom: Zoom, begin: datetime, end: datetime
) -> list[ClassShare]:
    """Return the mix of predicted classes; they are counted by hour and day."""
    return class_mix(
        *(desk.store, name, segment),
        since=begin,
        until=end,
        period="day" if zoom == "day" else "hour",
        normal=normal_class_shares(desk.store, name).get(segment),
    )


def _frames(desk: Desk, name: str, segment: str, kind: str, line: SegmentLine) -> list[Shot]:
    return desk.shots(
        desk.store.evidence(
            name,
            segment=segment,
            kind=kind,
            since=line.begin,
            until=line.end,
            limit=_FRAMES,
        )
    )
