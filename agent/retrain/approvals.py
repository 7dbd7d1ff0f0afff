"""What people called normal: alerts and runs that were put aside, which are learnt for that reason alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from driftgauge.storage import LIVE_STATES, UNRATED, AlertRecord, ReviewRecord

from .spans import NEVER, NORMAL_VERDICTS


@dataclass(frozen=True, slots=True)
class Approval:
    """One of a person's words that some traffic is normal.

    Attributes:
        what: in words, such as ``alert 3``.
        segment: ``*`` for the whole stream.
        begin, end: event time, the end exclusive.
        command: shows its pictures.
    """

    what: str
    segment: str
    begin: datetime
    end: datetime
    command: str


def read_approvals(
    alerts: Iterable[AlertRecord], reviews: Iterable[ReviewRecord], run: timedelta
) -> list[Approval]:
    """Return what was called false or normal, in the order of time."""
    found = [
        Approval(
            f"alert {alert.id}",
            alert.segment,
            alert.since,
            NEVER if alert.state in LIVE_STATES else alert.refreshed_at + timedelta(microseconds=1),
            f"driftgauge alerts show {alert.id}",
        )
        for alert in alerts
        if alert.test not in UNRATED and alert.verdict in NORMAL_VERDICTS
    ]
    found += [
        Approval(
            f"the run that was put aside as {review.id}",
            review.segment,
            review.run_start,
            review.run_start + run,
            "driftgauge reference list --all",
        )
        for review in reviews
        if review.state == "accepted"
    ]
    return sorted(found, key=lambda one: (one.begin, one.what))
