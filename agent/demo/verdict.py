"""Whether the agent found the faults: judged from the alerts that it wrote, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from driftgauge.storage import AlertRecord

from ..alert.fault_claim import claimed_words
from ..alert.label_alert import is_label_alert
from .faults import RIGHT_NAMES
from .plan import WINDOW_SECONDS, Plan, PlannedFault

_WINDOW = timedelta(seconds=WINDOW_SECONDS)


@dataclass(frozen=True, slots=True)
class FaultVerdict:
    """What became of one fault.

    Attributes:
        alert: the first alert on its camera whose window shows the fault; None if it was missed.
        frames: frames of that camera from the fault's first to the end of the alert's window.
        seconds: the same span on the cameras' clock.
    """

    planned: PlannedFault
    began_at: datetime
    ended_at: datetime
    alert: AlertRecord | None
    frames: int | None
    seconds: float | None

    @property
    def named(self) -> str:
        """The faults that the alert claims, the likeliest first; empty where it claims none."""
        if self.alert is None:
            return ""
        return claimed_words(self.alert)

    @property
    def is_named_rightly(self) -> bool:
        """Whether the first fault that the alert claims is the one that was planned."""
        if self.alert is None or not self.alert.faults:
            return False
        return self.alert.faults[0]["fault"] in RIGHT_NAMES[self.planned.fault.kind]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the run.

    Attributes:
        false_alarms: alerts that no fault explains.
        quiet_frames: frames sent without a fault outside every recovery, all cameras together.
    """

    faults: tuple[FaultVerdict, ...]
    false_alarms: tuple[AlertRecord, ...]
    quiet_frames: int

    @property
    def n_found(self) -> int:
        """How many faults were found."""
        return sum(fault.alert is not None for fault in self.faults)

    @property
    def n_named(self) -> int:
        """How many faults were called by their name first."""
        return sum(fault.is_named_rightly for fault in self.faults)


def judge_run(plan: Plan, alerts: Sequence[AlertRecord]) -> Verdict:
    """Return what the alerts say about the plan's faults.

    An alert belongs to a fault when it is on the fault's camera and its window has a moment between
    the fault's begin and the end of the recovery after it. One on predicted classes finds no fault: what
    is planned is a change of the images. An alert on all cameras together (``*``)
    in such a span finds nothing and is not false either. Every other alert is a false alarm.
    """
    in_order = sorted(alerts, key=lambda alert: alert.window_start)
    of_images = [alert for alert in in_order if not is_label_alert(alert)]
    verdicts = tuple(_fault_verdict(plan, planned, of_images) for planned in plan.faults)
    false = tuple(
        alert
        for alert in in_order
        if not any(explains(plan, planned, alert) for planned in plan.faults)
    )
    return Verdict(verdicts, false, _quiet_frames(plan))


def explains(plan: Plan, planned: PlannedFault, alert: AlertRecord) -> bool:
    """Whether *planned* is a reason for *alert*."""
    recovered_at = plan.time(planned.ends + plan.spans.recovery)
    in_time = plan.time(planned.begins) < alert.window_start + _WINDOW
    on_camera = alert.segment in ("*", f"camera={planned.camera}")
    return on_camera and in_time and alert.window_start < recovered_at


def _fault_verdict(
    plan: Plan, planned: PlannedFault, alerts: Sequence[AlertRecord]
) -> FaultVerdict:
    began_at, ended_at = plan.time(planned.begins), plan.time(planned.ends)
    found = next(
        (
            alert
            for alert in alerts
            if alert.segment == f"camera={planned.camera}" and explains(plan, planned, alert)
        ),
        None,
    )
    if found is None:
        return FaultVerdict(planned, began_at, ended_at, None, None, None)
    seconds = (found.window_start + _WINDOW - began_at).total_seconds()
    return FaultVerdict(planned, began_at, ended_at, found, round(seconds), seconds)


def _quiet_frames(plan: Plan) -> int:
    busy = sum(
        min(plan.frames, planned.ends + plan.spans.recovery) - planned.begins
        for planned in plan.faults
    )
    return plan.n_live - busy
