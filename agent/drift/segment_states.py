"""The state of every segment that a turn judges: each test's evidence, all segments of a window at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import is_ as is_same

import numpy as np
from numpy.typing import NDArray

from .baseline import Baseline
from .cohort import Cohort, fresh_evidence
from .design_effect import Array, Counts
from .drift_test import Arrays, DriftTest, JudgedWindows
from .label_columns import columns_of, n_label_columns
from .packing import pack, shapes_of, unpack
from .segment_memory import SegmentMemory
from .tests.catalogue import DEFAULT_TESTS

LogStatistics = dict[str, float]
"""By alert, the log of the mean of its tests' statistics; by name, that of a test that is no part of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentWindow:
    """What one segment is judged by: a window, or what came late for windows from *start* on.

    Attributes:
        counts: ``(columns, bins)``.
        start: when the window begins.
        live: the segment's live alerts: their tests do not learn from the window.
        leave_out: alerts whose tests do not see it.
        weight: see `JudgedWindows`. A test that does not see late counts at once sees what has none
            with the window that follows.
        seed: see `JudgedWindows`; the start's second where None.
    """

    segment: str
    counts: Counts
    start: datetime
    live: Collection[str] = ()
    leave_out: Collection[str] = ()
    weight: int = 1
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class KeptState:
    """One segment's state as it is stored: `SegmentMemory.dump`, and by test, packed evidence."""

    memory: Mapping[str, object]
    evidence: Mapping[str, bytes]


class SegmentStates:
    """Evidence against each segment's baseline.

    Attributes:
        changed: segments whose state has changed since it was written.

    Args:
        tests: rows of the table, in its order.
    """

    def __init__(self, tests: Sequence[DriftTest] = DEFAULT_TESTS) -> None:
        self._tests = tests
        self._n_labels = n_label_columns(tests)
        self._cohorts: dict[object, Cohort] = {}
        self._cohort_of: dict[tuple[str, str], Cohort] = {}
        self._memories: dict[str, SegmentMemory] = {}
        self.changed: set[str] = set()

    def __contains__(self, segment: str) -> bool:
        """Return whether `enter` was called for the segment."""
        return segment in self._memories

    def enter(self, segment: str, baseline: Baseline, kept: KeptState | None = None) -> None:
        """Take in a segment; a test whose *kept* evidence is of another baseline is reset."""
        self._memories[segment] = SegmentMemory.load(kept.memory) if kept else SegmentMemory()
        for test in self._tests:
            measured = baseline.tests.get(test.name)
            if measured is None:
                continue
            packed = kept.evidence.get(test.name) if kept else None
            evidence = unpack(packed) if packed else None
            if evidence is not None and not _fits(evidence, test, measured):
                evidence = None
            key = (test.name, shapes_of(measured))
            cohort = self._cohorts.setdefault(key, Cohort(test.method))
            cohort.add(segment, measured, evidence)
            self._cohort_of[segment, test.name] = cohort

    def replace(self, segment: str, baseline: Baseline) -> None:
        """Judge a segment against a baseline that has grown: its evidence so far stays.

        Each factor of the evidence has an expectation of at most 1 against the baseline of its time, so that their
        product has as well.
        """
        for test in self._tests:
            measured = baseline.tests.get(test.name)
            if measured is None:
                continue
            key = (test.name, shapes_of(measured))
            cohort = self._cohorts.setdefault(key, Cohort(test.method))
            if self._cohort_of.get((segment, test.name)) is cohort:
                cohort.replace(segment, measured)
            else:
                cohort.add(segment, measured, None)
                self._cohort_of[segment, test.name] = cohort

    def memory(self, segment: str) -> SegmentMemory:
        """Return what is kept of the segment beside evidence; it may be changed."""
        return self._memories[segment]

    def judge(self, windows: Sequence[SegmentWindow]) -> dict[str, LogStatistics]:
        """Take in one window of each of many segments; return each segment's statistics."""
        found: dict[str, LogStatistics] = {window.segment: {} for window in windows}
        if not windows:
            return found
        self.changed.update(found)
        side_by_side = _SideBySide(
            windows,
            [self._memories[one.segment].with_held(one.counts, one.weight) for one in windows],
        )
        of_alerts: defaultdict[str, list[_Seen]] = defaultdict(list)
        for test in self._tests:
            of_alerts[test.statistic].append(self._judge_test(test, side_by_side))
        for alert, seen in of_alerts.items():
            means, is_any = _means(seen)
            for window, mean, is_known in zip(
                windows, means.tolist(), is_any.tolist(), strict=True
            ):
                if is_known:
                    found[window.segment][alert] = mean
        return found

    def restart(self, segment: str, alert: str) -> None:
        """Drop the evidence of the tests that raise *alert*; they still know the quiet past."""
        self.changed.add(segment)
        for name in self._names(segment, alert):
            self._cohort_of[segment, name].restart(segment)
        self._memories[segment].quiet.pop(alert, None)

    def forget(self, segment: str) -> None:
        """Drop the evidence of all tests of a segment."""
        for alert in {test.alert for test in self._tests}:
            self.restart(segment, alert)

    def since(self, segment: str, alert: str) -> datetime:
        """When the evidence of the strongest test began to grow: an estimate of the change."""
        cohorts = [self._cohort_of[segment, name] for name in self._names(segment, alert)]
        strongest = max(cohorts, key=lambda cohort: cohort.last_statistic(segment))
        return datetime.fromtimestamp(strongest.since(segment), UTC)

    def evidence(self, segment: str) -> dict[str, bytes]:
        """Return each test's evidence, packed."""
        return {
            test.name: pack(self._cohort_of[segment, test.name].evidence(segment))
            for test in self._tests
            if (segment, test.name) in self._cohort_of
        }

    def dump(self, segment: str) -> KeptState:
        """Return what `enter` takes up."""
        return KeptState(self._memories[segment].dump(), self.evidence(segment))

    def _judge_test(self, test: DriftTest, windows: _SideBySide) -> _Seen:
        """Judge windows by one test, those of one cohort at once; one that a segment lacks finds nothing."""
        is_due = windows.is_due(test)
        nothing, nowhere = np.full(len(is_due), -np.inf), np.zeros(len(is_due), dtype=np.bool_)
        seen = _Seen(nothing, nowhere, is_due, test.share)
        is_wanted = is_due & ~windows.leave_out(test.alert)
        for cohort, rows in self._cohorts_of(test, windows.segments, is_wanted).items():
            judged = windows.judged(test, rows, columns_of(test, self._n_labels))
            names = [windows.segments[row] for row in rows.tolist()]
            seen.statistics[rows] = cohort.judge(names, judged)
            seen.is_judged[rows] = True
        return seen

    def _cohorts_of(
        self, test: DriftTest, segments: Sequence[str], is_wanted: NDArray[np.bool_]
    ) -> dict[Cohort, NDArray[np.int64]]:
        """Return the cohorts of the wanted segments, each with its rows."""
        rows: defaultdict[Cohort, list[int]] = defaultdict(list)
        for row in np.flatnonzero(is_wanted).tolist():
            cohort = self._cohort_of.get((segments[row], test.name))
            if cohort is not None:
                rows[cohort].append(row)
        return {cohort: np.array(some, dtype=np.int64) for cohort, some in rows.items()}

    def _names(self, segment: str, alert: str) -> list[str]:
        return [
            test.name
            for test in self._tests
            if test.alert == alert and (segment, test.name) in self._cohort_of
        ]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one test says of windows side by side, ``(windows,)`` each.

    Attributes:
        statistics: ``-inf`` where it did not judge.
        is_judged: whether it did.
        is_due: whether it should, had the segment a baseline for it.
        share: of the mean.
    """

    statistics: Array
    is_judged: NDArray[np.bool_]
    is_due: NDArray[np.bool_]
    share: float


def _means(seen: Sequence[_Seen]) -> tuple[Array, NDArray[np.bool_]]:
    """Return the log of the mean over an alert's tests by their shares, and where there is any.

    A test that is due and that a segment lacks counts as nothing: the others get none of its share.
    """
    due = np.sum([one.share * one.is_due for one in seen], axis=0)
    total = np.logaddexp.reduce([np.log(one.share) + one.statistics for one in seen], axis=0)
    is_any = np.any([one.is_judged for one in seen], axis=0)
    return total - np.log(np.where(due > 0.0, due, 1.0)), is_any


class _SideBySide:
    """Windows of many segments as arrays, in the given order.

    Args:
        windows: at least one.
        wholes: the counts of each with what was held before.
    """

    def __init__(self, windows: Sequence[SegmentWindow], wholes: Sequence[Counts]) -> None:
        self.segments = [window.segment for window in windows]
        self._windows = windows
        self._counts = np.stack([window.counts for window in windows])
        is_alike = all(map(is_same, wholes, [window.counts for window in windows]))
        self._wholes = self._counts if is_alike else np.stack(wholes)
        self._weights = np.array([window.weight for window in windows], dtype=np.int64)
        seconds = [int(window.start.timestamp()) for window in windows]
        seeds = [
            second if window.seed is None else window.seed
            for window, second in zip(windows, seconds, strict=True)
        ]
        self._seconds = np.array(seconds, dtype=np.int64)
        self._seeds = np.array(seeds, dtype=np.int64)

    def is_due(self, test: DriftTest) -> NDArray[np.bool_]:
        """Return which windows *test* is to judge now."""
        found: NDArray[np.bool_] = (self._weights > 0) | test.sees_late
        return found

    def leave_out(self, alert: str) -> NDArray[np.bool_]:
        """Return which windows the tests of *alert* do not see."""
        return np.array([alert in window.leave_out for window in self._windows])

    def judged(self, test: DriftTest, rows: NDArray[np.int64], columns: slice) -> JudgedWindows:
        """Return the windows of *rows* as *test* sees them."""
        counts = self._counts if test.sees_late else self._wholes
        is_quiet = [test.alert not in self._windows[row].live for row in rows.tolist()]
        return JudgedWindows(
            counts=counts[rows][:, columns],
            seconds=self._seconds[rows],
            is_quiet=np.array(is_quiet),
            weights=self._weights[rows],
            seeds=self._seeds[rows],
        )


def _fits(evidence: Arrays, test: DriftTest, baseline: Arrays) -> bool:
    """Return whether *evidence* is of a baseline of this shape."""
    return shapes_of(evidence) == shapes_of(fresh_evidence(test.method, baseline))
