"""How soon a segment's tests would tell a change: judged, not computed (docs/method.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from .baseline import Baseline
from .design_effect import Array, Counts
from .drift_test import DriftTest
from .segment_states import SegmentStates, SegmentWindow
from .tests.catalogue import DEFAULT_TESTS

TOTAL_FAILURE = 1.0
TENTH = 0.1
UNUSUAL_BIN = 3
"""Of an unusual image in every column: a p-value of about 0.002, which a small calibration still gives."""
LONGEST_WINDOWS = 240

_Course = tuple[str, float, int]
"""Segment, share of the images that are unusual, and the component that the others are of."""


@dataclass(frozen=True, slots=True)
class Power:
    """Windows of a segment's usual size until a change is told; None: not within those tried.

    Attributes:
        total_failure: until an alert if every image is unusual.
        tenth: if 10 % of images are.
    """

    total_failure: int | None
    tenth: int | None


def measure_power(
    baselines: Mapping[str, Baseline],
    log_threshold: float,
    *,
    tests: Sequence[DriftTest] = DEFAULT_TESTS,
    longest: int = LONGEST_WINDOWS,
) -> dict[str, Power]:
    """Return each segment's power, by judging synthetic windows side by side.

    The windows have the segment's usual number of images and its usual shares but for the unusual
    images, so that the figures are those of a typical course, neither lucky nor unlucky. Of a baseline with several
    components, those of the slowest.

    Args:
        baselines: by segment.
        log_threshold: where an alert is raised now (`MonitorSettings.log_threshold`).
        tests: that run; those without a promise are left out.
        longest: windows that are tried.
    """
    promised = [test for test in tests if test.keeps_budget]
    states, courses = SegmentStates(promised), dict[_Course, Iterator[Counts]]()
    for segment, baseline in baselines.items():
        for number, component in enumerate(baseline.components):
            for share in (TOTAL_FAILURE, TENTH):
                course = segment, share, number
                states.enter(_course_name(*course), baseline)
                courses[course] = _changed_windows(component, usual_events(baseline), share)
    found = dict[_Course, int]()
    for number in range(1, longest + 1):
        left = [key for key in courses if key not in found]
        if not left:
            break
        moment = datetime.fromtimestamp(number, UTC)
        windows = [
            SegmentWindow(segment=_course_name(*key), counts=next(courses[key]), start=moment)
            for key in left
        ]
        judged = states.judge(windows)
        for key, window in zip(left, windows, strict=True):
            if max(judged[window.segment].values(), default=-np.inf) >= log_threshold:
                found[key] = number
    slowest = {
        (segment, share): [found.get((segment, share, n)) for n in range(len(baseline.components))]
        for segment, baseline in baselines.items()
        for share in (TOTAL_FAILURE, TENTH)
    }
    return {
        segment: Power(_last(slowest[segment, TOTAL_FAILURE]), _last(slowest[segment, TENTH]))
        for segment in baselines
    }


def usual_events(baseline: Baseline) -> int:
    """Return how many images a window of the segment usually has."""
    measured = baseline.tests.get("windows")
    return 1 if measured is None else max(int(np.median(measured["usual_events"])), 1)


def _course_name(segment: str, share: float, component: int) -> str:
    return f"{segment} {share:g} {component}"


def _last(delays: Sequence[int | None]) -> int | None:
    """Return the longest delay, None where a change was not told."""
    known = [delay for delay in delays if delay is not None]
    return max(known) if len(known) == len(delays) else None


def _changed_windows(component: Counts, events: int, share: float) -> Iterator[Counts]:
    """Yield windows in which *share* of the images are unusual in every column."""
    shares = component / np.maximum(component.sum(axis=1, keepdims=True), 1)
    mixed = (1.0 - share) * shares
    mixed[:, UNUSUAL_BIN] += share
    until = np.cumsum(mixed, axis=1)
    before = _whole_counts(until, 0)
    number = 1
    while True:
        after = _whole_counts(until, number * events)
        yield after - before
        before, number = after, number + 1


def _whole_counts(until: Array, n_events: int) -> NDArray[np.int64]:
    """Return how many of the first *n_events* fall in each bin, so that every total is whole."""
    reached = np.rint(until * n_events).astype(np.int64)
    return np.diff(reached, axis=1, prepend=0)
