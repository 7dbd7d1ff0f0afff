"""How each segment stands: judged and how near to an alert, being learnt and until when, or neither."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from driftgauge.storage import (
    LIVE_STATES,
    SILENCE,
    UNRATED,
    WHOLE_SEGMENT,
    SegmentBaseline,
    SegmentProgress,
    SegmentStateRow,
    Store,
)

from .segment_power import SegmentPower, segment_powers

if TYPE_CHECKING:
    from ..drift.monitor_settings import MonitorSettings

PROVISIONAL_WHY = "only gross changes are tested, and no false-alarm rate is promised, until enough of it is learnt"

SegmentPhase = Literal["alert", "silent", "judged", "learning", "untested", "waiting"]

SATURATED_WHY = (
    "nearly all of its images are unusual to this detector, which knows nothing like them; fit a "
    "detector on them: driftgauge fit"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentStanding:
    """How one segment stands.

    Attributes:
        phase: ``alert`` while one lives; ``silent`` where nothing else does than that it sends nothing; ``judged`` when it can alert; ``learning`` when it cannot
            yet; ``untested`` when its reference is too small for any test, or for one that would tell
            a total failure soon; ``waiting`` before its first window is judged.
        why: in words, where it cannot alert, or only on gross changes.
        learns_until: event time at which it is tried next whether enough is learnt; None where it
            does not learn, or where *learn* is not known.
        nearness: evidence of a change against what an alert takes, 0 to 1, both as logarithms; None
            where nothing is judged.
        judged_until: start of its last window judged, in its own time; None before the first.
        clock_offset_seconds: its events' time minus their records', lately; None where not known.
        power: how soon changes would be told; None where that is not measured or the budget not known.
        days_outside: days in a row, until now, that lay too far from its first baseline to join it.
        day_shift: how far the last such look found its mean of -log p from the first baseline's, in the
            column where it differs most; None before the first look.
    """

    segment: str
    images: int
    phase: SegmentPhase
    why: str = ""
    learns_until: datetime | None = None
    nearness: float | None = None
    judged_until: datetime | None = None
    clock_offset_seconds: float | None = None
    power: SegmentPower | None = None
    days_outside: int = 0
    day_shift: float | None = None


def segment_standings(
    store: Store, stream: str, settings: MonitorSettings | None
) -> list[SegmentStanding]:
    """Return how each segment of *stream* stands.

    Args:
        settings: how its windows are judged; None where that is not known.
    """
    live = store.alerts(stream, states=LIVE_STATES)
    silent = {a.segment: a.since for a in live if a.test == SILENCE and not a.events}
    fewer = {a.segment: a.message for a in live if a.test == SILENCE and a.events}
    alerted = {alert.segment for alert in live if alert.test not in UNRATED} | fewer.keys()
    active = store.active_detector(stream)
    own = (stream, active.detector if active else "")
    progress = {row.segment: row for row in store.segment_progress(*own)}
    kept = {row.segment: row for row in store.segment_states(*own, test=WHOLE_SEGMENT)}
    baselines = {row.segment: row for row in store.baselines(*own)}
    kept_from = store.windows_kept_from()
    powers = segment_powers(baselines.values(), settings) if settings else {}
    found = []
    for segment, images in store.event_counts(stream).items():
        standing = _standing(
            segment,
            images,
            kept.get(segment),
            baselines.get(segment),
            powers.get(segment),
            is_alerted=segment in alerted,
            learn=settings.learn if settings else None,
        )
        standing = _with_dropped(standing, kept.get(segment), kept_from)
        if segment in fewer:
            standing = replace(standing, why=fewer[segment])
        standing = _with_progress(standing, progress.get(segment), silent.get(segment))
        found.append(_with_growth(standing, kept.get(segment)))
    return found


def _with_dropped(
    standing: SegmentStanding, kept: SegmentStateRow | None, kept_from: datetime
) -> SegmentStanding:
    """Say besides that windows to learn from are dropped before there are enough of them."""
    lesson = json.loads(kept.content).get("lesson") if kept else None
    if lesson is None or lesson["until"] is not None or standing.phase == "alert":
        return standing
    if datetime.fromisoformat(lesson["begins"]) >= kept_from:
        return standing
    why = (
        f"it is learnt from {lesson['begins'][:10]} on, and windows before {kept_from:%Y-%m-%d} are dropped "
        "(store.keep_windows_days), so that there may never be enough: raise that, or fit a detector on its "
        "images, with driftgauge fit"
    )
    return replace(standing, why=f"{standing.why}; {why}" if standing.why else why)


def _with_growth(standing: SegmentStanding, kept: SegmentStateRow | None) -> SegmentStanding:
    growth = json.loads(kept.content).get("growth") if kept else None
    if growth is None:
        return standing
    days = growth.get("days_outside", 0)
    return replace(standing, days_outside=days, day_shift=growth.get("shift"))


def _with_progress(
    standing: SegmentStanding, row: SegmentProgress | None, silent_since: datetime | None
) -> SegmentStanding:
    if silent_since is not None:
        since = f"no image of it was counted since {silent_since:%Y-%m-%d %H:%M} UTC"
        phase: SegmentPhase = "alert" if standing.phase == "alert" else "silent"
        standing = replace(standing, phase=phase, why=since)
    if row is None:
        return standing
    return replace(
        standing, judged_until=row.judged_until, clock_offset_seconds=row.clock_offset_seconds
    )


def _standing(
    segment: str,
    images: int,
    kept: SegmentStateRow | None,
    baseline: SegmentBaseline | None,
    power: SegmentPower | None,
    *,
    is_alerted: bool,
    learn: timedelta | None,
) -> SegmentStanding:
    lesson = json.loads(kept.content).get("lesson") if kept else None
    is_learnt = lesson is not None and lesson["until"] is None
    is_provisional = is_learnt and baseline is not None and bool(baseline.tests)
    if lesson is not None and lesson.get("saturated") and not is_alerted:
        return SegmentStanding(segment=segment, images=images, phase="untested", why=SATURATED_WHY)
    if lesson is not None and is_learnt and not is_provisional and not is_alerted:
        tried = lesson.get("tried")
        return SegmentStanding(
            segment=segment,
            images=images,
            phase="learning",
            why="too few images so far, so its baseline is learnt for longer"
            if tried
            else "the detector's reference does not cover it",
            learns_until=datetime.fromisoformat(tried or lesson["begins"]) + learn
            if learn
            else None,
        )
    nearness = kept.nearness if kept else None
    if is_alerted:
        return SegmentStanding(
            segment=segment, images=images, phase="alert", nearness=nearness, power=power
        )
    if kept is None or nearness is None:
        why = "no window of it has been judged yet"
        return SegmentStanding(segment=segment, images=images, phase="waiting", why=why)
    if baseline is None or not baseline.tests:
        why = "the effective sample size of its reference is too small for a test"
        return SegmentStanding(segment=segment, images=images, phase="untested", why=why)
    is_tested = power is None or power.is_useful
    why = PROVISIONAL_WHY if is_provisional else power.why_no_promise if power else ""
    return SegmentStanding(
        segment=segment,
        images=images,
        phase="judged" if is_tested else "untested",
        why=why if power is None or is_tested else power.why_untested,
        nearness=nearness,
        power=power,
    )
