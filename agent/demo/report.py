"""``report.html``: one page that needs nothing else, and ``summary.json`` for scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from driftgauge.storage import AlertRecord, Store

from ..pages.chart import Chart
from ..pages.page import write_page
from ..pages.shots import shots
from ..pages.worked_example import StripColumn, in_words
from .camera_charts import axis_ticks, camera_chart
from .count_rate import rounded_speed
from .faults import IN_WORDS
from .inbox import InboxMessage
from .plan import WINDOW_SECONDS, Plan
from .verdict import FaultVerdict, Verdict

_THUMBNAILS = 4


@dataclass(frozen=True, slots=True)
class DemoOutcome:
    """What the report is about.

    Attributes:
        images_per_second: None where one flush counted all.
        figures: name to text, shown as they are.
        commands: command lines to look further.
        messages: what the webhook received, in order.
    """

    plan: Plan
    verdict: Verdict
    stream: str
    images_per_second: float | None
    figures: Mapping[str, str]
    commands: Sequence[str]
    paths: Mapping[str, Path]
    messages: Sequence[InboxMessage] = ()


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
        "webhook_messages": [message.title for message in outcome.messages],
        "images_per_second": rounded_speed(outcome.images_per_second),
        "paths": {name: str(place) for name, place in outcome.paths.items()},
    }
    path.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")


def write_report(path: Path, outcome: DemoOutcome, store: Store) -> None:
    """Write the page from what the agent's database holds."""
    write_page(path, __package__, "report.html.jinja", _context(outcome, store))


def _context(outcome: DemoOutcome, store: Store) -> dict[str, Any]:
    plan = outcome.plan
    alerts = sorted(store.alerts(outcome.stream), key=lambda alert: alert.window_start)
    return {
        "outcome": outcome,
        "plan": plan,
        "verdict": outcome.verdict,
        "in_words": IN_WORDS,
        "charts": [_chart(outcome, store, camera, alerts) for camera in plan.cameras],
        "ticks": axis_ticks(plan),
        "alerts": alerts,
        "false_ids": {alert.id for alert in outcome.verdict.false_alarms},
        "pictures": [_fault_pictures(outcome, store, fault) for fault in outcome.verdict.faults],
        "slowest": max(
            (fault.frames for fault in outcome.verdict.faults if fault.frames), default=None
        ),
        "window_seconds": WINDOW_SECONDS,
        "example": _example(outcome, store),
    }


def _chart(outcome: DemoOutcome, store: Store, camera: str, alerts: Sequence[AlertRecord]) -> Chart:
    segment = f"camera={camera}"
    plan, stream = outcome.plan, outcome.stream
    return camera_chart(
        plan,
        camera,
        rates=store.rates(stream, period="window", segment=segment),
        p_values=store.p_value_counts(stream, period="window", segment=segment),
        alerts=[alert for alert in alerts if alert.segment == segment],
    )


def _example(outcome: DemoOutcome, store: Store) -> str:
    """Return the most telling column of the cameras' strips in words."""
    rates = [
        row
        for camera in outcome.plan.cameras
        for row in store.rates(outcome.stream, period="window", segment=f"camera={camera}")
    ]
    worst = max(rates, key=lambda row: row.ood_events, default=None)
    if worst is None:
        return ""
    column = StripColumn(
        worst.segment, f"window of {WINDOW_SECONDS} s", worst.period_start, worst.events,
        worst.ood_events, worst.alpha, normal=None,
    )  # fmt: skip
    return in_words(column)


def _fault_pictures(outcome: DemoOutcome, store: Store, fault: FaultVerdict) -> dict[str, Any]:
    """Return the most unusual frames of the fault's span, and typical ones from before it."""
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
        "unusual": shots(unusual),
        "typical": shots(typical),
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
        "looks_like": fault.alert.looks_like if fault.alert else None,
        "is_named_rightly": fault.is_named_rightly,
    }
