"""One step in the life of an alert: opened, raised again, ended, opened again. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from driftgauge.storage import SEVERITIES, AlertRecord

from .fault_claim import FaultClaim
from .label_alert import (
    LABEL_SHIFT,
    LabelChange,
    class_note,
    is_label_alert,
    label_message,
)
from .movement import Counts, is_stuck, layer_movements
from .wording import alert_message, percent, severity

LONG = timedelta(days=1)
"""A change that is raised again so long after it began, and that nobody acknowledged, is more severe."""


NO_PROMISE = "; no false-alarm rate is promised yet: its reference is still too short"
GROSS = (
    "; a gross change: four windows in a row lie far beyond everything that its reference shows; no false-alarm "
    "rate is promised here: its reference is still too short"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a drift test saw when it alarmed.

    Attributes:
        segment: that changed.
        since: event time at which the evidence began to grow.
        window_start: of the window that raised the alarm.
        counts: ``(columns, bins)`` counted since then; the last column is combined.
        window: ``(columns, bins)`` of the alarming window alone.
        reference: ``(columns, bins)`` of the segment's normal.
        design_effects: one a column.
        rate_now: OOD rate since then.
        rate_normal: the segment's own.
        log_e_value: natural logarithm of the evidence that raised it; None where its test has none.
        labels: what the model predicted since then; None where that is not counted.
        is_promised: whether the segment's reference is long enough for the false-alarm budget.
        is_gross: whether the rule for gross changes has raised it, which promises no rate.
    """

    segment: str
    since: datetime
    window_start: datetime
    counts: Counts
    window: Counts
    reference: Counts
    design_effects: Sequence[float]
    rate_now: float
    rate_normal: float
    log_e_value: float | None = None
    labels: LabelChange | None = None
    is_promised: bool = True
    is_gross: bool = False

    @property
    def promise_note(self) -> str:
        """What is said of the false-alarm rate; empty where it is promised."""
        return GROSS if self.is_gross else "" if self.is_promised else NO_PROMISE


def opened(
    change: Change,
    *,
    stream: str,
    detector: str,
    test: str,
    layers: Sequence[str],
    now: datetime,
    claim: FaultClaim | None = None,
) -> AlertRecord:
    """Return a new alert for *change*.

    Args:
        claim: which known fault it looks like; None where nothing looks.
    """
    movements = layer_movements(layers, change.reference, change.counts, change.design_effects)
    stuck = is_stuck(change.reference, change.window)
    if claim is not None and stuck:
        claim = FaultClaim.frozen()
    alert = _opened(
        change,
        stream=stream,
        detector=detector,
        test=test,
        severity=severity(change.rate_now, is_stuck=stuck),
        now=now,
        events=int(change.counts[-1].sum()),
        layers=[
            {
                "layer": moved.layer,
                "depth": moved.depth,
                "share": round(moved.share, 4),
                "direction": moved.direction,
            }
            for moved in movements
        ],
        message=alert_message(
            segment=change.segment,
            since=change.since,
            rate_now=change.rate_now,
            rate_normal=change.rate_normal,
            movements=movements,
            is_stuck=stuck,
            claim=claim,
        )
        + class_note(change.labels)
        + change.promise_note,
    )
    return replace(alert, looks_like=claim.words, faults=claim.faults) if claim else alert


def opened_labels(
    change: Change, labels: LabelChange, *, stream: str, detector: str, severity: str, now: datetime
) -> AlertRecord:
    """Return a new alert on the predictions of *change*; its rates are those of the images."""
    return _opened(
        change,
        stream=stream,
        detector=detector,
        test=LABEL_SHIFT,
        severity=severity,
        now=now,
        events=int(labels.counts[0].sum()),
        layers=[],
        message=label_message(change.segment, change.since, labels),
    )


def _opened(
    change: Change,
    *,
    stream: str,
    detector: str,
    test: str,
    severity: str,
    now: datetime,
    events: int,
    layers: list[dict[str, object]],
    message: str,
) -> AlertRecord:
    """Return a new alert with the times and rates of *change*."""
    return AlertRecord(
        id=None,
        stream=stream,
        segment=change.segment,
        test=test,
        detector=detector,
        state="open",
        severity=severity,
        opened_at=now,
        since=change.since,
        window_start=change.window_start,
        refreshed_at=change.window_start,
        resolved_at=None,
        rate_now=change.rate_now,
        rate_normal=change.rate_normal,
        rate_peak=change.rate_now,
        log_e_value=change.log_e_value if math.isfinite(change.log_e_value or 0) else None,
        events=events,
        layers=layers,
        message=message,
    )


def refreshed(alert: AlertRecord, again: AlertRecord) -> AlertRecord:
    """Return *alert* with the figures of *again*, which raised it once more.

    What it was at its worst stays: severity, peak, evidence, and the layers and words of its peak.
    """
    told = again if _is_worse(alert, again) else alert
    levels = (alert.severity, again.severity, _after_long(alert, again))
    e_values = [e for e in (alert.log_e_value, again.log_e_value) if e is not None]
    return replace(
        alert,
        severity=max(levels, key=SEVERITIES.index),
        refreshed_at=again.window_start,
        rate_now=again.rate_now,
        rate_peak=max(alert.rate_peak, again.rate_now),
        events=again.events,
        log_e_value=max(e_values, default=None),
        layers=told.layers,
        message=told.message,
        judged_by=alert.judged_by if again.detector == alert.detector else again.detector,
        looks_like=told.looks_like,
        faults=told.faults,
    )


def changed_again(alert: AlertRecord, again: AlertRecord) -> AlertRecord:
    """Return *alert* with what is new since it was last told: *again*, a change inside the change."""
    told = refreshed(alert, again)
    news = (
        "changed again: the mix of predicted classes is another one"
        if is_label_alert(alert)
        else f"changed again: {percent(again.rate_now)} of images out of distribution, "
        f"{percent(alert.rate_now)} before"
    )
    message = again.message.replace(" changed at about ", " changed again at about ", 1)
    message += f"; it had first changed at about {alert.since:%Y-%m-%d %H:%M:%S} UTC"
    return replace(
        told,
        layers=again.layers,
        message=message,
        looks_like=again.looks_like,
        faults=again.faults,
        news=news,
    )


def _is_worse(alert: AlertRecord, again: AlertRecord) -> bool:
    """Return whether *again* is the peak: by rate, or of predictions by evidence."""
    if is_label_alert(alert):
        return (again.log_e_value or 0.0) >= (alert.log_e_value or 0.0)
    return again.rate_now >= alert.rate_peak


def _after_long(alert: AlertRecord, again: AlertRecord) -> str:
    """Return the severity of a change that has lasted: one more where nobody looks after it.

    Another mix of classes may be there to stay, and harms nobody by lasting.
    """
    if is_label_alert(alert):
        return again.severity
    is_long = again.window_start - alert.since >= LONG and alert.state == "open"
    level = SEVERITIES.index(again.severity) + (1 if is_long else 0)
    return SEVERITIES[min(level, len(SEVERITIES) - 1)]


def reopened(ended: AlertRecord, again: AlertRecord) -> AlertRecord:
    """Return *ended* alive again, since *again* raised it within the cool-down."""
    alive = replace(ended, state="open", resolved_at=None, reopened=ended.reopened + 1)
    return refreshed(alive, again)


def resolved(alert: AlertRecord, *, at: datetime) -> AlertRecord:
    """Return *alert* ended."""
    return replace(alert, state="resolved", resolved_at=at)
