"""Alerts that have one cause, as they are stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from .alert_records import AlertRecord

SiteOf = Callable[[str], str | None]
"""Segment to its site, None where it has none."""


def no_site(segment: str) -> None:
    """Return None: there are no sites."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentRecord:
    """Alerts that began together: one cause, one page.

    Attributes:
        state: ``acknowledged`` once every live member is; ``resolved`` or ``gone`` once none lives.
        severity: the highest of its members, one more where most segments of a kind changed; never
            lowered.
        opened_at: wall clock of its first alert.
        since: event time at which its first change began.
        until: event time at which its last change began.
        resolved_at: wall clock; None while a member lives.
        alert: its first one, as it is now.
        parts: segment and test of each of its alerts that live, or of all where none does.
        members: alerts that it has.
        live: of these, open or acknowledged.
        key: the kind of segment that most of its members are, such as ``camera``; None for ``*``.
        changed: segments of that kind that changed.
        known: segments of that kind that there are.
        cause: what began in the same minutes, ``model_version=4.2`` or ``detector=NAME``; None where
            nothing is known.
    """

    id: int
    stream: str
    state: str
    severity: str
    opened_at: datetime
    since: datetime
    until: datetime
    resolved_at: datetime | None
    members: int
    live: int
    key: str | None
    changed: int
    known: int
    cause: str | None
    alert: AlertRecord
    parts: Sequence[tuple[str, str]]

    @property
    def face(self) -> AlertRecord:
        """Its first alert, with the state and the severity of the whole."""
        return replace(
            self.alert, state=self.state, severity=self.severity, resolved_at=self.resolved_at
        )

    def face_of(self, segment: str, test: str) -> AlertRecord:
        """The same for one of its parts, to choose by."""
        return replace(self.face, segment=segment, test=test)


@dataclass(frozen=True, slots=True)
class IncidentStep:
    """One step in the life of an incident: what receivers are told.

    Attributes:
        kind: ``opened``, ``joined`` (many more members), ``worsened``, ``recovered`` (half of them),
            ``acknowledged``, ``resolved``, ``gone``, ``reopened``, ``unmuted`` or
            ``changed`` (again, within the change).
        by: ``monitor``, or the person.
    """

    incident_id: int
    kind: str
    at: datetime
    by: str
    note: str


@dataclass(frozen=True, slots=True)
class Notification:
    """One step of an incident that is to be delivered to one sink.

    Attributes:
        step_id: makes, with the sink, the key under which it may be sent more than once.
        attempts: that failed so far.
        created_at: when it was queued, by the database's clock.
    """

    id: int
    sink: str
    attempts: int
    created_at: datetime
    step_id: int
    step: IncidentStep
