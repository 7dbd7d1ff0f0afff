"""How soon a segment's tests would tell a change: judged, not computed (docs/method.md)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from .baseline import Baseline
from .design_effect import Array, Counts
from .drift_test import Arrays, DriftTest
from .packing import pack, unpack
from .segment_states import SegmentStates, SegmentWindow
from .tests.catalogue import DEFAULT_TESTS

TOTAL_FAILURE = 1.0
TENTH = 0.1
UNUSUAL_BIN = 3
"""Of an unusual image in every column: a p-value of about 0.002, which a small calibration still gives."""
LONGEST_WINDOWS = 240
HIGHEST = 60.0
"""Log statistic beyond every threshold, at which a course ends."""

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


@dataclass(frozen=True, slots=True)
class PowerCurve:
    """How high the evidence climbs while a segment is changed, whatever the budget is.

    Attributes:
        total_failure: the highest log statistic by then, after each window.
        tenth: the same where 10 % of images are unusual.
        events: images of the windows.
        effective_windows: how many independent windows the baseline counts as; it says which budgets are promised.
            None where an earlier version measured the power.
    """

    total_failure: NDArray[np.float32]
    tenth: NDArray[np.float32]
    events: int
    effective_windows: float | None = None

    def at(self, log_threshold: float) -> Power:
        """Return the power where alerts are raised at *log_threshold*."""
        return Power(
            _windows_until(self.total_failure, log_threshold),
            _windows_until(self.tenth, log_threshold),
        )

    def dump(self) -> bytes:
        """Return it compactly, for `load`."""
        arrays: Arrays = {
            "total_failure": self.total_failure,
            "tenth": self.tenth,
            "events": np.array(self.events),
        }
        if self.effective_windows is not None:
            arrays["effective_windows"] = np.array(self.effective_windows)
        return pack(arrays)

    @classmethod
    def load(cls, kept: bytes) -> PowerCurve:
        """Return what `dump` wrote."""
        arrays = unpack(kept)
        worth = arrays.get("effective_windows")
        return cls(
            arrays["total_failure"],
            arrays["tenth"],
            int(arrays["events"]),
            None if worth is None else float(worth),
        )


def measure_power(
    baselines: Mapping[str, Baseline],
    log_threshold: float,
    *,
    tests: Sequence[DriftTest] = DEFAULT_TESTS,
) -> dict[str, Power]:
    """Return each segment's power where alerts are raised at *log_threshold*; see `power_curves`."""
    curves = power_curves(baselines, tests=tests)
    return {segment: curve.at(log_threshold) for segment, curve in curves.items()}


def power_curves(
    baselines: Mapping[str, Baseline],
    *,
    tests: Sequence[DriftTest] = DEFAULT_TESTS,
    longest: int = LONGEST_WINDOWS,
) -> dict[str, PowerCurve]:
    """Return how evidence climbs in each segment, by judging synthetic windows side by side.

    The windows have the segment's usual number of images and its usual shares but for the unusual
    images, so that the figures are those of a typical course, neither lucky nor unlucky. Of a baseline with several
    components, those of the slowest.

    Args:
        baselines: by segment.
        tests: that run; those without a promise are left out beside those with one.
        longest: windows that are tried.
    """
    of_scores = [test for test in tests if not test.reads_labels]
    promised = [test for test in of_scores if test.keeps_budget] or of_scores
    states, courses = SegmentStates(promised), dict[_Course, Iterator[Counts]]()
    for segment, baseline in baselines.items():
        scores = baseline.scores
        for number, component in enumerate(scores.components):
            for share in (TOTAL_FAILURE, TENTH):
                course = segment, share, number
                states.enter(_course_name(*course), scores)
                courses[course] = _changed_windows(component, usual_events(baseline), share)
    climbed: defaultdict[_Course, list[float]] = defaultdict(list)
    for number in range(1, longest + 1):
        left = [key for key in courses if not climbed[key] or climbed[key][-1] < HIGHEST]
        if not left:
            break
        moment = datetime.fromtimestamp(number, UTC)
        windows = [
            SegmentWindow(segment=_course_name(*key), counts=next(courses[key]), start=moment)
            for key in left
        ]
        judged = states.judge(windows)
        for key, window in zip(left, windows, strict=True):
            before = climbed[key][-1] if climbed[key] else -np.inf
            climbed[key].append(max([before, *judged[window.segment].values()]))
    found = {}
    for segment, baseline in baselines.items():
        numbers = range(len(baseline.components))
        total_failure, tenth = (
            _slowest([climbed[segment, share, number] for number in numbers])
            for share in (TOTAL_FAILURE, TENTH)
        )
        found[segment] = PowerCurve(
            total_failure, tenth, usual_events(baseline), baseline.effective_windows
        )
    return found


def usual_events(baseline: Baseline) -> int:
    """Return how many images a window of the segment usually has."""
    measured = baseline.tests.get("windows")
    if measured is not None:
        return max(int(np.median(measured["usual_events"])), 1)
    return max(baseline.events // max(baseline.windows, 1), 1)


def _windows_until(climbed: NDArray[np.float32], log_threshold: float) -> int | None:
    """Return the number of the first window at which the threshold is reached, counted from 1."""
    number = int(np.searchsorted(climbed, np.float32(log_threshold))) + 1
    return number if number <= len(climbed) else None


def _course_name(segment: str, share: float, component: int) -> str:
    return f"{segment} {share:g} {component}"


def _slowest(courses: Sequence[Sequence[float]]) -> NDArray[np.float32]:
    """Return the lowest of several courses after each window; one that ended stays where it was."""
    longest = max(len(course) for course in courses)
    padded = [[*course, *[course[-1]] * (longest - len(course))] for course in courses]
    lowest: NDArray[np.float32] = np.array(padded, dtype=np.float32).min(axis=0)
    return lowest


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
