"""Simulated segments whose baselines grow by their own quiet days, judged side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from driftgauge.agent.drift.baseline import learn_baseline
from driftgauge.agent.drift.growth import MOST_SHIFT, with_day
from driftgauge.agent.drift.known_windows import KnownWindows
from driftgauge.agent.drift.segment_states import SegmentStates, SegmentWindow

from .many_runs import Counts
from .streams import normal_scores, pool_p_values, windows_of

DAY = 96
"""Windows of a day: one every 15 minutes. A day joins when another has passed, as in the product."""
SHARE = 0.25


@dataclass
class Course:
    """One segment: the windows at which it alarmed, days that joined, and days too far from the anchor."""

    known: KnownWindows
    alarms: list[int] = field(default_factory=list)
    joined: int = 0
    outside: int = 0


def simulated(
    n_windows: int, events: int, seed: int, correlation: float, hit: Counts | float = 0.0
) -> Counts:
    """Return windows of a camera half a deviation off the pool; a share *hit* of its images three off."""
    scores = normal_scores(n_windows * events, seed, correlation=correlation, shift=0.5)
    share = np.repeat(np.broadcast_to(hit, n_windows), events)
    scores[np.random.default_rng(seed).random(len(scores)) < share] += 3.0
    return windows_of(pool_p_values(scores), events)[:, None]


def grow_and_judge(
    references: Mapping[str, Counts], live: Mapping[str, Counts], budget: float, *, grows: bool
) -> dict[str, Course]:
    """Judge windows in order, and let quiet days join; a segment that cannot be tested is left out.

    Args:
        references: by segment, ``(windows, columns, bins)``.
        live: the same, of equal length.
        budget: windows between false alarms.
        grows: whether days join.
    """
    courses = {name: Course(KnownWindows.of(windows)) for name, windows in references.items()}
    states, tested = SegmentStates(), list[str]()
    for name, course in courses.items():
        baseline = learn_baseline(course.known)
        if baseline is not None:
            states.enter(name, baseline)
            tested.append(name)
    for number in range(min(len(windows) for windows in live.values())):
        if grows and number >= 2 * DAY and number % DAY == 0:
            for name in tested:
                _grow(name, courses[name], live[name], number, states)
        moment = datetime.fromtimestamp(number + 1, UTC)
        windows = [SegmentWindow(segment=n, counts=live[n][number], start=moment) for n in tested]
        for name, statistics in states.judge(windows).items():
            if statistics["betting"] >= math.log(budget):
                courses[name].alarms.append(number)
                states.restart(name, "betting")
    return {name: courses[name] for name in tested}


def _grow(name: str, course: Course, live: Counts, number: int, states: SegmentStates) -> None:
    begins, ends = number - 2 * DAY, number - DAY
    if any(alarm >= begins for alarm in course.alarms):
        return
    wider, shift = with_day(course.known, live[begins:ends], SHARE, number // DAY)
    if shift > MOST_SHIFT:
        course.outside += 1
        return
    baseline = learn_baseline(wider)
    if baseline is not None and wider.n_grown > course.known.n_grown:
        states.replace(name, baseline)
        course.known, course.joined = wider, course.joined + 1
