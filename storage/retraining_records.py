"""What storage takes and gives back of retraining: plain frozen values, no SQL in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class RetrainingRecord:
    """One attempt to fit a new detector from kept taps.

    Attributes:
        state: ``running``, ``refused`` (before or by its gate), ``passed`` or ``failed``.
        trigger: ``person`` or ``schedule``.
        step: what it does now, or did last.
        share: of the whole that is done, 0 to 1.
        basis: the detector that the candidate was compared with.
        candidate: the detector that was fitted; None before, and where none was.
        reason: why it was refused or failed; empty otherwise.
        plan: what a process that takes over needs: seed, and how far in time taps are taken.
        figures: JSON-ready, for people.
    """

    id: int
    stream: str
    state: str
    trigger: str
    asked_by: str
    started_at: datetime
    finished_at: datetime | None
    step: str
    share: float
    basis: str
    candidate: str | None = None
    reason: str = ""
    plan: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GateCheck:
    """One check of a candidate.

    Attributes:
        segment: that it is of; None where it is of no segment.
        figure: what was measured; None where nothing was.
        low: the figure must be at least this; None for no such bound.
        high: the figure must be at most this; None for no such bound.
        verdict: ``passed``, ``refused`` or ``not checked``.
        words: all of it in a sentence.
    """

    name: str
    verdict: str
    words: str
    segment: str | None = None
    figure: float | None = None
    low: float | None = None
    high: float | None = None


CHECK_FIELDS = tuple(one.name for one in fields(GateCheck))


@dataclass(frozen=True, slots=True)
class ReviewRecord:
    """A run of one segment with more unusual events than it usually has, put aside for a person.

    Attributes:
        state: ``waiting``, ``accepted`` (to be learnt) or ``refused`` (never to be).
    """

    id: int
    segment: str
    run_start: datetime
    events: int
    unusual: int
    state: str
    found_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    note: str
