"""Detector versions and what is known: who scores, what a retraining found, what waits for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from driftgauge.storage import (
    DetectorChange,
    GateCheck,
    RetrainingRecord,
    ReviewRecord,
    ShadowRate,
    StreamRecord,
)

from ..pages.shots import Shot
from ..promote.detector_cards import detector_cards
from ..review.put_aside import put_aside_frames
from ..review.retraining_state import kept_in_words, retraining_in_words, trial_in_words
from ..settings.sections import KeepSection
from .desk import Desk

_MOST_ATTEMPTS = 5
_MOST_CHANGES = 30
_MOST_REVIEWS = 50
_FRAMES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A retraining, with the checks of its gate."""

    record: RetrainingRecord
    checks: Sequence[GateCheck]


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorsPage:
    """The versions of a stream, newest first.

    Attributes:
        detectors: as `driftgauge detectors list --json` has them.
        shadow_rates: of the shadow, beside the active version's; empty without one.
        shadow_alarms: segments in which the shadow would have raised alerts; None without one.
        trial: which candidate is on trial, and until when, in words; empty for none.
        attempts: to retrain, newest first.
        changes: of the status of versions, newest first.
    """

    stream: StreamRecord
    detectors: Sequence[Mapping[str, Any]]
    shadow_rates: Sequence[ShadowRate]
    shadow_alarms: int | None
    trial: str
    attempts: Sequence[Attempt]
    changes: Sequence[DetectorChange]
    made_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A run that was put aside, with its most unusual frames."""

    record: ReviewRecord
    frames: Sequence[Shot]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferencePage:
    """What is kept to learn from, and what waits for a person's word.

    Attributes:
        kept: how much is kept, in words.
        retraining: how the last retraining went, in words.
        waiting: runs that wait, the oldest first; of many, the first fifty.
        n_waiting: how many wait.
        decided: the last that were decided.
    """

    stream: StreamRecord
    kept: str
    retraining: str
    waiting: Sequence[Review]
    n_waiting: int
    decided: Sequence[ReviewRecord]
    made_at: datetime


def detectors_page(desk: Desk, name: str) -> DetectorsPage:
    """Return the versions of stream *name*."""
    stream, store = desk.stream(name), desk.store
    cards = detector_cards(store, name)
    shadow = next((one for one in cards if one.record.status == "shadow"), None)
    active = next((one for one in cards if one.record.active), None)
    return DetectorsPage(
        stream=stream,
        detectors=[one.values() for one in cards],
        shadow_rates=store.versions.shadow_rates(
            name, active=active.record.detector, shadow=shadow.record.detector, since=shadow.since
        )
        if shadow and active
        else [],
        shadow_alarms=len(store.versions.shadow_alarms(name, shadow.record.detector))
        if shadow
        else None,
        trial=trial_in_words(store, name),
        attempts=[
            Attempt(record=one, checks=store.retrainings.checks(one.id))
            for one in store.retrainings.all(name, limit=_MOST_ATTEMPTS)
        ],
        changes=store.versions.changes(name)[: -_MOST_CHANGES - 1 : -1],
        made_at=desk.now(),
    )


def reference_page(desk: Desk, name: str) -> ReferencePage:
    """Return what stream *name* learns from."""
    stream, store = desk.stream(name), desk.store
    reviews = store.retrainings.reviews(name)
    waiting = [one for one in reviews if one.state == "waiting"]
    return ReferencePage(
        stream=stream,
        kept=kept_in_words(store, name),
        retraining=retraining_in_words(store, name),
        waiting=[
            Review(record=one, frames=_frames(desk, stream, one)) for one in waiting[:_MOST_REVIEWS]
        ],
        n_waiting=len(waiting),
        decided=[one for one in reviews if one.state != "waiting"][:-_MOST_REVIEWS:-1],
        made_at=desk.now(),
    )


def _frames(desk: Desk, stream: StreamRecord, review: ReviewRecord) -> list[Shot]:
    """Return the most unusual frames of the run."""
    keep = desk.settings.keep if desk.settings else KeepSection()
    return desk.shots(put_aside_frames(desk.store, stream, review, keep, limit=_FRAMES))
