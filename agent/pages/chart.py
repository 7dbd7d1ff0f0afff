"""OOD rates over time: where things lie, in per cent of the chart, for a page to draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from driftgauge.storage import AlertRecord, RateRow, WindowRecord

from .heat import Shade, heat_strip

_HEIGHT = 100
_WIDTH = 1000
_MOST_TICKS = 9
_STEPS = (60, 120, 180, 300, 600, 1800, 3600, 3 * 3600, 6 * 3600, 86400, 7 * 86400, 30 * 86400)


@dataclass(frozen=True, slots=True)
class Mark:
    """Something with a place on the time axis.

    Attributes:
        left: per cent from the chart's left.
        width: per cent of the chart.
    """

    left: float
    width: float
    label: str
    title: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentChart:
    """One segment's OOD rate over time.

    Attributes:
        name: for people.
        line: SVG path of the rate, 1,000 wide and 100 high.
        area: the same, closed at the bottom.
        heat: its p-values, a column a window.
        spans: times that are to be shaded, such as those of a known fault.
        alerts: spans in which an alert was open.
        highest: the worst period's rate.
        normal: its normal rate; None where nobody knows it.
    """

    name: str
    line: str
    area: str
    heat: tuple[Shade, ...]
    spans: tuple[Mark, ...]
    alerts: tuple[Mark, ...]
    highest: float
    normal: float | None


class Axis:
    """The time axis that all charts of a page share.

    Args:
        period: that one rate covers.
    """

    def __init__(self, begin: datetime, end: datetime, period: timedelta) -> None:
        self.begin, self.period = begin, period
        self.span = max(end - begin, period)
        self.width = self.share(period)

    def place(self, moment: datetime) -> float:
        """Return where *moment* lies, in per cent from the left."""
        return max(0.0, min(100.0, self.share(moment - self.begin)))

    def share(self, span: timedelta) -> float:
        """Return how wide *span* is, in per cent."""
        return 100 * (span / self.span)

    def ticks(self, *, is_relative: bool) -> list[Mark]:
        """Return some marks at whole units: minutes since the beginning, or dates and times."""
        seconds = self.span.total_seconds()
        step = next((step for step in _STEPS if seconds / step < _MOST_TICKS), 10**9)
        if is_relative:
            places = [
                (100 * at / seconds, f"{at // 60} min") for at in range(0, int(seconds), step)
            ]
        else:
            first = -(-int(self.begin.timestamp()) // step) * step
            moments = range(first, int(self.begin.timestamp() + seconds), step)
            form = "%m-%d" if step >= _STEPS[-3] else "%m-%d %H:%M"
            zone = self.begin.tzinfo
            dated = [datetime.fromtimestamp(at, zone) for at in moments]
            places = [(self.place(moment), moment.strftime(form)) for moment in dated]
        return [Mark(left, 0, label, "", "tick") for left, label in places]


def segment_chart(
    axis: Axis,
    name: str,
    *,
    rates: Sequence[RateRow],
    windows: Sequence[WindowRecord],
    alerts: Sequence[Mark],
    spans: Sequence[Mark] = (),
    normal: float | None,
) -> SegmentChart:
    """Return the chart of one segment."""
    points = [(axis.place(row.period_start), row.ood_rate) for row in rates]
    strip = [(axis.place(row.window_start), row) for row in windows]
    lines = [(_line(run, axis.width), run[0][0]) for run in _runs(points, axis.width)]
    closed = (f"{line} V{_HEIGHT} H{left * _WIDTH / 100:.1f} Z" for line, left in lines)
    return SegmentChart(
        name=name,
        line=" ".join(line for line, _ in lines),
        area=" ".join(closed),
        heat=heat_strip(strip, axis.width),
        spans=tuple(spans),
        alerts=tuple(alerts),
        highest=max((row.ood_rate for row in rates), default=0.0),
        normal=normal,
    )


def alert_mark(axis: Axis, alert: AlertRecord, *, window: timedelta, kind: str = "alert") -> Mark:
    """Return where *alert* was raised and until when it was raised again."""
    left = axis.place(alert.window_start + window)
    width = max(0.0, axis.place(alert.refreshed_at + window) - left)
    title = f"alert {alert.id}: {alert.message}" + (" (false alarm)" if kind == "false" else "")
    return Mark(left, width, f"{alert.id}", title, kind)


def _runs(points: Sequence[tuple[float, float]], width: float) -> list[list[tuple[float, float]]]:
    """Return *points* cut where periods are missing: nothing was counted there."""
    runs: list[list[tuple[float, float]]] = []
    for point in points:
        if runs and abs(point[0] - runs[-1][-1][0] - width) < width / 2:
            runs[-1].append(point)
        else:
            runs.append([point])
    return runs


def _line(run: Sequence[tuple[float, float]], width: float) -> str:
    steps: list[str] = []
    for left, rate in run:
        x, y = left * _WIDTH / 100, _HEIGHT * (1 - rate)
        move = f"V{y:.1f}" if steps else f"M{x:.1f} {y:.1f}"
        steps.append(f"{move} H{x + width * _WIDTH / 100:.1f}")
    return " ".join(steps)
