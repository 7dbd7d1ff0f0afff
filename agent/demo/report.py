"""``report.html``: one page that needs nothing else, and ``summary.json`` for scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from driftgauge.storage import AlertRecord, RateRow, Store

from ..pages.chart import Axis, Mark, SegmentChart, alert_mark, segment_chart
from ..pages.page import write_page
from ..pages.shown_picture import shown_picture
from .faults import IN_WORDS
from .plan import WINDOW_SECONDS, Plan
from .verdict import FaultVerdict, Verdict, explains

_THUMBNAILS = 4
_WINDOW = timedelta(seconds=WINDOW_SECONDS)


@dataclass(frozen=True, slots=True)
class DemoOutcome:
    """What the report is about.

    Attributes:
        figures: name to text, shown as they are.
        commands: command lines to look further.
    """

    plan: Plan
    verdict: Verdict
    stream: str
    images_per_second: float
    figures: Mapping[str, str]
    commands: Sequence[str]
    paths: Mapping[str, Path]


def write_summary(path: Path, outcome: DemoOutcome) -> None:
    """Write what a script wants to know."""
    verdict = outcome.verdict
    summary = {
        "seed": outcome.plan.seed,
        "severity": outcome.plan.severity,
        "faults": [_fault_summary(fault) for fault in verdict.faults],
        "false_alarms": len(verdict.false_alarms),
        "false_alarm_messages": [alert.message for alert in verdict.false_alarms],
        "quiet_frames": verdict.quiet_frames,
        "images_per_second": round(outcome.images_per_second, 1),
        "paths": {name: str(place) for name, place in outcome.paths.items()},
    }
    path.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")


def write_report(path: Path, outcome: DemoOutcome, store: Store) -> None:
    """Write the page from what the agent's database holds."""
    write_page(path, __package__, "report.html.jinja", _context(outcome, store))


def _context(outcome: DemoOutcome, store: Store) -> dict[str, Any]:
    plan = outcome.plan
    axis = Axis(plan.time(plan.live_from), plan.time(plan.frames), _WINDOW)
    alerts = sorted(store.alerts(outcome.stream), key=lambda alert: alert.window_start)
    return {
        "outcome": outcome,
        "plan": plan,
        "verdict": outcome.verdict,
        "in_words": IN_WORDS,
        "charts": [_chart(axis, outcome, store, camera, alerts) for camera in plan.cameras],
        "ticks": axis.ticks(is_relative=True),
        "alerts": alerts,
        "false_ids": {alert.id for alert in outcome.verdict.false_alarms},
        "pictures": [_fault_pictures(outcome, store, fault) for fault in outcome.verdict.faults],
        "slowest": max(
            (fault.frames for fault in outcome.verdict.faults if fault.frames), default=None
        ),
        "window_seconds": WINDOW_SECONDS,
    }


def _chart(
    axis: Axis, outcome: DemoOutcome, store: Store, camera: str, alerts: Sequence[AlertRecord]
) -> SegmentChart:
    segment, plan, stream = f"camera={camera}", outcome.plan, outcome.stream
    detector = store.active_detector(stream)
    windows = (
        store.windows(
            stream, detector.detector, after=None, until=plan.time(plan.frames), segments=[segment]
        )
        if detector
        else []
    )
    rates = store.rates(stream, period="window", segment=segment)
    own = [alert for alert in alerts if alert.segment == segment]
    return segment_chart(
        axis,
        camera,
        rates=rates,
        windows=[window for window in windows if window.layer == "*"],
        alerts=[alert_mark(axis, alert, window=_WINDOW, kind=_kind(plan, alert)) for alert in own],
        spans=_fault_marks(axis, plan, camera),
        normal=_normal_rate(plan, camera, rates),
    )


def _kind(plan: Plan, alert: AlertRecord) -> str:
    return "alert" if any(explains(plan, planned, alert) for planned in plan.faults) else "false"


def _fault_marks(axis: Axis, plan: Plan, camera: str) -> list[Mark]:
    return [
        Mark(
            axis.place(plan.time(planned.begins)),
            axis.share(plan.time(planned.ends) - plan.time(planned.begins)),
            IN_WORDS[planned.fault.kind],
            f"{IN_WORDS[planned.fault.kind]}, {planned.ends - planned.begins} frames",
            "fault",
        )
        for planned in plan.faults
        if planned.camera == camera
    ]


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


def _fault_pictures(outcome: DemoOutcome, store: Store, fault: FaultVerdict) -> dict[str, Any]:
    """Return the most unusual frames of the fault's span beside typical ones before it."""
    segment = f"camera={fault.planned.camera}"
    unusual = store.evidence(
        outcome.stream, segment=segment, kind="unusual", since=fault.began_at,
        until=fault.ended_at, limit=_THUMBNAILS,
    )  # fmt: skip
    typical = store.evidence(
        outcome.stream, segment=segment, kind="typical", until=fault.began_at, limit=_THUMBNAILS
    )
    return {
        "fault": fault,
        "unusual": [shown_picture(record) for record in unusual],
        "typical": [shown_picture(record) for record in typical],
    }


def _fault_summary(fault: FaultVerdict) -> dict[str, object]:
    return {
        "camera": fault.planned.camera,
        "kind": fault.planned.fault.kind,
        "severity": fault.planned.fault.severity,
        "found": fault.alert is not None,
        "frames": fault.frames,
        "seconds": fault.seconds,
        "message": fault.alert.message if fault.alert else None,
    }
