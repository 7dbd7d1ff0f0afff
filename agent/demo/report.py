"""``report.html``: one page that needs nothing else, and ``summary.json`` for scripts."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from driftgauge.storage import AlertRecord, EvidenceRecord, Store

from ..counting.evidence import NO_PICTURE
from .chart import Chart, axis_ticks, camera_chart
from .faults import IN_WORDS
from .heat import N_ROWS
from .plan import WINDOW_SECONDS, Plan
from .verdict import FaultVerdict, Verdict

_THUMBNAILS = 4
_MAGIC = {b"\xff\xd8": "image/jpeg", b"\x89P": "image/png", b"RI": "image/webp"}


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


@dataclass(frozen=True, slots=True)
class _Picture:
    """A kept event; *source* is empty where it has no picture."""

    source: str
    caption: str
    place: str


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
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["percent"] = percent
    environment.filters["clock"] = _clock
    source = resources.files(__package__).joinpath("report.html.jinja").read_text("utf-8")
    page = environment.from_string(source).render(_context(outcome, store))
    path.write_text(page, encoding="utf-8")


def percent(share: float) -> str:
    """Return a rate as people read it.

    >>> percent(0.0), percent(0.0083), percent(0.412)
    ('0 %', '0.8 %', '41 %')
    """
    value = 100 * share
    return f"{value:.0f} %" if value in (0, 100) or value >= 10 else f"{value:.1f} %"  # noqa: PLR2004


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
        "n_rows": N_ROWS,
        "no_picture": NO_PICTURE,
        "window_seconds": WINDOW_SECONDS,
        "version": metadata.version("driftgauge"),
    }


def _chart(outcome: DemoOutcome, store: Store, camera: str, alerts: Sequence[AlertRecord]) -> Chart:
    segment = f"camera={camera}"
    plan, stream = outcome.plan, outcome.stream
    detector = store.active_detector(stream)
    windows = (
        store.windows(
            stream, detector.detector, after=None, until=plan.time(plan.frames), segments=[segment]
        )
        if detector
        else []
    )
    return camera_chart(
        plan,
        camera,
        rates=store.rates(stream, period="window", segment=segment),
        windows=[window for window in windows if window.layer == "*"],
        alerts=[alert for alert in alerts if alert.segment == segment],
    )


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
        "unusual": [_picture(record) for record in unusual],
        "typical": [_picture(record) for record in typical],
    }


def _picture(record: EvidenceRecord) -> _Picture:
    place = f"{record.event_id} at {record.topic}/{record.partition}@{record.offset}"
    return _Picture(_source(record.thumbnail), f"p = {record.p_value:.2g}", place)


def _source(thumbnail: bytes | None) -> str:
    if not thumbnail:
        return ""
    kind = _MAGIC.get(thumbnail[:2], "image/jpeg")
    return f"data:{kind};base64,{base64.b64encode(thumbnail).decode('ascii')}"


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


def _clock(moment: datetime) -> str:
    return f"{moment:%H:%M:%S}"
