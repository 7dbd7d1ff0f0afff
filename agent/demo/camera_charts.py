"""The charts of the demonstration's cameras, with the faults that were put on them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from driftgauge.storage import AlertRecord, RateRow

from ..pages.chart import Chart, Mark, rate_paths
from ..pages.heat import heat_strip
from ..pages.time_axis import Tick, TimeAxis
from .faults import IN_WORDS
from .plan import WINDOW_SECONDS, Plan, PlannedFault
from .verdict import explains

_WINDOW = timedelta(seconds=WINDOW_SECONDS)


def camera_chart(
    plan: Plan,
    camera: str,
    *,
    rates: Sequence[RateRow],
    p_values: Sequence[tuple[datetime, Sequence[int]]],
    alerts: Sequence[AlertRecord],
) -> Chart:
    """Return the chart of *camera*; the axis begins with the live stream."""
    axis = TimeAxis(plan.time(plan.live_from), plan.time(plan.frames))
    width = axis.share(_WINDOW)
    line, area = rate_paths([(axis.place(row.period_start), row.ood_rate) for row in rates], width)
    marks = tuple(_alert_mark(axis, plan, alert) for alert in alerts)
    return Chart(
        name=camera,
        line=line,
        area=area,
        heat=heat_strip([(axis.place(start), counts) for start, counts in p_values], width),
        faults=tuple(
            _fault_mark(axis, plan, planned) for planned in plan.faults if planned.camera == camera
        ),
        alerts=marks,
        state=_state(marks),
        highest=max((row.ood_rate for row in rates), default=0.0),
        normal=_normal_rate(plan, camera, rates),
    )


def _fault_mark(axis: TimeAxis, plan: Plan, planned: PlannedFault) -> Mark:
    begin, end = axis.place(plan.time(planned.begins)), axis.place(plan.time(planned.ends))
    words = IN_WORDS[planned.fault.kind]
    return Mark(
        begin, end - begin, words, f"{words}, {planned.ends - planned.begins} frames", "fault"
    )


def _normal_rate(plan: Plan, camera: str, rates: Sequence[RateRow]) -> float:
    quiet = [
        row
        for row in rates
        if not any(
            planned.camera == camera
            and plan.time(planned.begins) < row.period_start + _WINDOW
            and row.period_start < plan.time(planned.ends)
            for planned in plan.faults
        )
    ]
    events = sum(row.events for row in quiet)
    return sum(row.ood_events for row in quiet) / events if events else 0.0


def axis_ticks(plan: Plan) -> list[Tick]:
    """Return ticks at whole minutes of the live stream, five to nine of them."""
    seconds = plan.frames - plan.live_from
    step = next(
        step
        for step in (60, 120, 180, 300, 600, 1800, 3600, 10**9)
        if seconds / step < 9  # noqa: PLR2004
    )
    return [Tick(100 * at / seconds, f"{at // 60} min") for at in range(0, seconds, step)]


def _alert_mark(axis: TimeAxis, plan: Plan, alert: AlertRecord) -> Mark:
    left = axis.place(alert.window_start + _WINDOW)
    last = alert.refreshed_at + _WINDOW
    is_false = not any(explains(plan, planned, alert) for planned in plan.faults)
    title = f"alert {alert.id}: {alert.message}" + (" (false alarm)" if is_false else "")
    kind = "false" if is_false else "alert"
    return Mark(left, max(0.0, axis.place(last) - left), f"{alert.id}", title, kind)


def _state(marks: Sequence[Mark]) -> str:
    if any(mark.kind == "false" for mark in marks):
        return "false"
    return "alert" if marks else "quiet"
