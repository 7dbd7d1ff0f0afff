"""A replay beside what was told live: which alerts are new, which are the same, which are missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from driftgauge.storage import AlertRecord

from ..drift.history_replay import Replayed, SegmentCourse
from ..terminal.natural_order import natural_key


@dataclass(frozen=True, slots=True)
class ReplayedAlert:
    """An alert of the replay, and the numbers of the live ones of its segment in the same time."""

    alert: AlertRecord
    live: Sequence[int]


@dataclass(frozen=True, slots=True)
class NearestMoment:
    """How near one segment came to an alert.

    Attributes:
        judged: windows that were.
        not_judged: windows in which it had no baseline.
        nearest: the most evidence, 0 to 1; None where nothing was judged.
        at: the window with it.
    """

    segment: str
    judged: int
    not_judged: int
    nearest: float | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class ReplayOutcome:
    """What a person wants to see of a replay.

    Attributes:
        alerts: of the replay.
        only_live: told live in that time, and not by the replay.
        segments: the nearest to an alert first.
    """

    alerts: Sequence[ReplayedAlert]
    only_live: Sequence[AlertRecord]
    segments: Sequence[NearestMoment]


def replay_outcome(replayed: Replayed, live: Sequence[AlertRecord]) -> ReplayOutcome:
    """Return what *replayed* found beside the alerts that were told *live*.

    Args:
        replayed: of some segments and some time.
        live: alerts of the stream, any.
    """
    starts = [course.starts[0] for course in replayed.courses.values() if course.starts]
    ends = [course.starts[-1] for course in replayed.courses.values() if course.starts]
    asked = [
        alert
        for alert in live
        if starts
        and alert.segment in replayed.courses
        and alert.refreshed_at >= min(starts)
        and alert.window_start <= max(ends)
    ]
    found = [
        ReplayedAlert(alert, [row.id or 0 for row in reversed(asked) if _is_same(alert, row)])
        for alert in replayed.alerts
    ]
    matched = {number for one in found for number in one.live}
    return ReplayOutcome(
        alerts=found,
        only_live=[row for row in reversed(asked) if row.id not in matched],
        segments=sorted(
            (_nearest(name, course) for name, course in replayed.courses.items()),
            key=lambda row: (-(row.nearest or 0.0), natural_key(row.segment)),
        ),
    )


def _is_same(one: AlertRecord, other: AlertRecord) -> bool:
    """Return whether both tell of one segment at the same time, whatever test raised them."""
    overlaps = one.since <= other.refreshed_at and other.since <= one.refreshed_at
    return one.segment == other.segment and overlaps


def _nearest(segment: str, course: SegmentCourse) -> NearestMoment:
    if not course.nearness:
        return NearestMoment(segment, 0, course.not_judged, None, None)
    most = max(course.nearness)
    at = course.starts[course.nearness.index(most)]
    return NearestMoment(segment, len(course.starts), course.not_judged, most, at)
