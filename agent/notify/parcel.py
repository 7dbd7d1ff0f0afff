"""Into which messages the steps that wait for a sink go."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from driftgauge.storage import AlertRecord, IncidentRecord, Notification

from .routing import Routing
from .summary import SummaryKind


@dataclass(frozen=True, slots=True)
class Step:
    """One step that waits for a sink, and its incident as it is now.

    Attributes:
        alert: what it is routed by: see `routed`.
    """

    notification: Notification
    incident: IncidentRecord
    alert: AlertRecord


def routed(incident: IncidentRecord, routing: Routing, sink: str) -> AlertRecord:
    """Return what an incident is routed by: the first of its parts that *sink* gets, or its face."""
    faces = (incident.face_of(segment, test) for segment, test in incident.parts)
    return next((face for face in faces if routing.is_wanted(sink, face)), incident.face)


@dataclass(frozen=True, slots=True)
class Parcel:
    """The steps of one message, oldest first; *why* they come together, None for a single step."""

    steps: Sequence[Step]
    why: SummaryKind | None = None

    @property
    def ids(self) -> list[int]:
        """The notifications' numbers."""
        return [step.notification.id for step in self.steps]


def planned(
    steps: Sequence[Step], routing: Routing, sink: str, *, now: datetime, allowed: int
) -> list[Parcel]:
    """Return the messages to send now, in order; what is in none waits.

    An alert's steps wait together and come together, so that their order is kept.

    Args:
        allowed: how many messages the limit lets through.
    """
    due = [step for step in steps if not routing.is_quiet(sink, step.alert, now)]
    waited = {
        step.alert.id
        for step in due
        if routing.is_quiet(sink, step.alert, step.notification.created_at)
    }
    held = [step for step in due if step.alert.id in waited]
    singles = [step for step in due if step.alert.id not in waited]
    parcels = _together(held, "quiet_hours")[:allowed]
    return parcels + _limited(singles, allowed - len(parcels))


def unlimited(steps: Sequence[Step]) -> list[Parcel]:
    """Return a message for each step, for a sink that programs read."""
    return [Parcel([step]) for step in steps]


def wanted(
    steps: Sequence[Step], routing: Routing, sink: str, told: Collection[int]
) -> tuple[list[Step], list[Step]]:
    """Return the steps that *sink* gets, and those it does not.

    A sink that was told of an alert is told its end, whatever the routes say now.
    """
    taken: list[Step] = []
    left: list[Step] = []
    for step in steps:
        is_taken = routing.is_wanted(sink, step.alert) or step.alert.id in told
        (taken if is_taken else left).append(step)
    return taken, left


def _limited(steps: Sequence[Step], allowed: int) -> list[Parcel]:
    if len(steps) <= allowed:
        return [Parcel([step]) for step in steps]
    if allowed < 1:
        return []
    first = [Parcel([step]) for step in steps[: allowed - 1]]
    return first + _together(steps[allowed - 1 :], "rate_limit")


def _together(steps: Sequence[Step], why: SummaryKind) -> list[Parcel]:
    if not steps:
        return []
    return [Parcel(steps, why if len(steps) > 1 else None)]
