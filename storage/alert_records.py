"""Alerts and what people say of them: plain frozen values, no SQL in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

LIVE_STATES = ("open", "acknowledged")
"""States of an alert that is not over."""

ENDED_STATES = ("resolved", "gone")
"""States of an alert that is over; ``gone``: its segment fell silent, so that nobody knows."""

VERDICTS = ("real", "false", "accepted")
"""What a person found an alert to be; ``accepted``: a real change, which is normal from now on."""

SEVERITIES = ("info", "warning", "critical")
"""Severities of an alert, the least first."""

SILENCE = "silence"
"""The `AlertRecord.test` of a segment that has fallen silent; such an alert has no rate and no layers."""

STALE = "model"
"""The `AlertRecord.test` of a stream whose active detector was fitted for another model than an agent loads."""

SENT_TAPS = "sent taps"
"""The `AlertRecord.test` of a stream to which a serving process sends taps that the detector cannot score."""

UNRATED = (SILENCE, STALE, SENT_TAPS)
"""Tests whose alerts have no rate, no layers and no frames."""


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """A claim to a person that a segment changed.

    Attributes:
        id: given by the database; None before it is stored.
        test: the drift test that raised it, such as ``betting``.
        state: ``open``, ``acknowledged``, ``resolved`` or ``gone``.
        severity: ``info``, ``warning`` or ``critical``; the highest it ever had.
        opened_at: wall clock of the agent that raised it.
        since: event time at which the evidence began to grow (the change point's estimate).
        window_start: event time of the window that raised it.
        refreshed_at: event time of the latest window that raised it again.
        resolved_at: wall clock, when it was resolved or gone; None while it lives.
        rate_now: OOD rate since *since*, 0 to 1.
        rate_normal: the segment's own OOD rate on its reference, 0 to 1.
        events: events counted since *since*.
        layers: moved layers, most moved first: ``{"layer", "depth", "share", "direction"}``.
        message: the claim in words.
        rate_peak: the highest *rate_now* that it ever had; at least *rate_now*.
        reopened: how often it was raised again within the cool-down after it had ended.
        log_e_value: natural logarithm of the strongest evidence against "nothing changed", as far as a rate is
            promised for it; None where none is.
        news: what changed again while it lived, told as a step of its life; not stored with it.
        verdict: a person's, one of `VERDICTS`; None before.
        incident_id: of the incident that it is part of; given by the database.
        judged_by: the detector version that judges it now, where *detector*, which raised it, was
            replaced while it lived.
        looks_like: which known fault it looks like, in words, or why none is named; empty where
            nothing was looked at.
        faults: which are claimed: ``{"fault", "share"}``, the likeliest first; none or two that are not
            separated.
    """

    id: int | None
    stream: str
    segment: str
    test: str
    detector: str
    state: str
    severity: str
    opened_at: datetime
    since: datetime
    window_start: datetime
    refreshed_at: datetime
    resolved_at: datetime | None
    rate_now: float
    rate_normal: float
    events: int
    layers: Sequence[Mapping[str, object]]
    message: str
    rate_peak: float = 0.0
    reopened: int = 0
    log_e_value: float | None = None
    verdict: str | None = None
    incident_id: int | None = None
    judged_by: str | None = None
    looks_like: str = ""
    faults: Sequence[Mapping[str, object]] = field(default_factory=list)
    news: str = ""

    @property
    def detectors(self) -> tuple[str, ...]:
        """Return the version that raised it, and the one that judges it now if that is another."""
        return (self.detector,) if self.judged_by is None else (self.detector, self.judged_by)


@dataclass(frozen=True, slots=True)
class AlertTransition:
    """One step in the life of an alert.

    Attributes:
        from_state: None when the alert was opened.
        by: ``monitor``, or the person.
    """

    alert_id: int
    from_state: str | None
    to_state: str
    at: datetime
    by: str
    note: str


@dataclass(frozen=True, slots=True)
class VerdictCount:
    """How often one test's alerts were right, by the word of people.

    Attributes:
        alerts: that were ever opened.
        unjudged: of these, without a verdict.
    """

    test: str
    alerts: int
    real: int
    accepted: int
    false: int
    unjudged: int
