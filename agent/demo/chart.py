"""OOD-rate charts: where things lie, in per cent of the chart, for the page to draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from driftgauge.storage import AlertRecord, RateRow, WindowRecord

from .faults import IN_WORDS
from .heat import Shade, heat_strip
from .plan import WINDOW_SECONDS, Plan
from .verdict import explains

_HEIGHT = 100
_WIDTH = 1000


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


@dataclass(frozen=True, slots=True)
class Chart:
    """One camera's OOD rate over time.

    Attributes:
        heat: its p-values, a column a window.
        line: SVG path of the rate, 1,000 wide and 100 high.
        area: the same, closed at the bottom.
        faults: spans in which the camera was faulty.
        alerts: spans in which an alert was open.
        highest: the worst window's rate.
        normal: the rate over all windows without a fault.
    """

    camera: str
    line: str
    area: str
    heat: tuple[Shade, ...]
    faults: tuple[Mark, ...]
    alerts: tuple[Mark, ...]
    state: str
    highest: float
    normal: float


def camera_chart(
    plan: Plan,
    camera: str,
    *,
    rates: Sequence[RateRow],
    windows: Sequence[WindowRecord],
    alerts: Sequence[AlertRecord],
) -> Chart:
    """Return the chart of *camera*; the axis begins with the live stream."""
    axis = _Axis(plan)
    points = [(axis.place(row.period_start), row.ood_rate) for row in rates]
    line = " ".join(
        _step(index, left, axis.window, rate) for index, (left, rate) in enumerate(points)
    )
    closed = f"{line} V{_HEIGHT} H{points[0][0] * _WIDTH / 100:.1f} Z" if points else ""
    marks = tuple(_alert_mark(axis, plan, alert) for alert in alerts)
    return Chart(
        camera=camera,
        line=line,
        area=closed,
        heat=heat_strip([(axis.place(row.window_start), row) for row in windows], axis.window),
        faults=tuple(
            Mark(
                axis.place(plan.time(planned.begins)),
                axis.place(plan.time(planned.ends)) - axis.place(plan.time(planned.begins)),
                IN_WORDS[planned.fault.kind],
                f"{IN_WORDS[planned.fault.kind]}, {planned.ends - planned.begins} frames",
                "fault",
            )
            for planned in plan.faults
            if planned.camera == camera
        ),
        alerts=marks,
        state=_state(marks),
        highest=max((row.ood_rate for row in rates), default=0.0),
        normal=_normal_rate(plan, camera, rates),
    )


def _normal_rate(plan: Plan, camera: str, rates: Sequence[RateRow]) -> float:
    window = timedelta(seconds=WINDOW_SECONDS)
    quiet = [
        row
        for row in rates
        if not any(
            planned.camera == camera
            and plan.time(planned.begins) < row.period_start + window
            and row.period_start < plan.time(planned.ends)
            for planned in plan.faults
        )
    ]
    events = sum(row.events for row in quiet)
    return sum(row.ood_events for row in quiet) / events if events else 0.0


def axis_ticks(plan: Plan) -> list[Mark]:
    """Return marks at whole minutes of the live stream, five to nine of them."""
    seconds = plan.frames - plan.live_from
    step = next(
        step
        for step in (60, 120, 180, 300, 600, 1800, 3600, 10**9)
        if seconds / step < 9  # noqa: PLR2004
    )
    return [
        Mark(100 * at / seconds, 0, f"{at // 60} min", "", "tick") for at in range(0, seconds, step)
    ]


class _Axis:
    def __init__(self, plan: Plan) -> None:
        self._begin = plan.time(plan.live_from)
        self._span = plan.time(plan.frames) - self._begin
        self.window = self.share(timedelta(seconds=WINDOW_SECONDS))

    def place(self, moment: datetime) -> float:
        return max(0.0, min(100.0, self.share(moment - self._begin)))

    def share(self, span: timedelta) -> float:
        return 100 * (span / self._span)


def _step(index: int, left: float, width: float, rate: float) -> str:
    x, y = left * _WIDTH / 100, _HEIGHT * (1 - rate)
    move = f"M{x:.1f} {y:.1f}" if index == 0 else f"V{y:.1f}"
    return f"{move} H{x + width * _WIDTH / 100:.1f}"


def _alert_mark(axis: _Axis, plan: Plan, alert: AlertRecord) -> Mark:
    window = timedelta(seconds=WINDOW_SECONDS)
    left = axis.place(alert.window_start + window)
    last = alert.refreshed_at + window
    is_false = not any(explains(plan, planned, alert) for planned in plan.faults)
    title = f"alert {alert.id}: {alert.message}" + (" (false alarm)" if is_false else "")
    kind = "false" if is_false else "alert"
    return Mark(left, max(0.0, axis.place(last) - left), f"{alert.id}", title, kind)


def _state(marks: Sequence[Mark]) -> str:
    if any(mark.kind == "false" for mark in marks):
        return "false"
    return "alert" if marks else "quiet"
