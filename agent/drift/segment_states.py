"""The state of every segment that a turn judges: each test's evidence, all segments of a window at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from .baseline import Baseline
from .cohort import Cohort, fresh_evidence
from .design_effect import Counts
from .drift_test import Arrays, DriftTest, JudgedWindows
from .label_columns import columns_of, n_label_columns
from .log_evidence import log_mean
from .packing import pack, shapes_of, unpack
from .segment_memory import SegmentMemory
from .tests.catalogue import DEFAULT_TESTS

LogStatistics = dict[str, float]
"""By alert, the log of the mean of its tests' statistics."""


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

    @property
    def second(self) -> int:
        """Its start in seconds since 1970."""
        return int(self.start.timestamp())


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
        self._last: dict[tuple[str, str], float] = {}
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
        wholes = [
            self._memories[window.segment].with_held(window.counts, window.weight)
            for window in windows
        ]
        self.changed.update(window.segment for window in windows)
        found: dict[str, dict[str, list[float]]] = {window.segment: {} for window in windows}
        for test in self._tests:
            rows = [n for n, window in enumerate(windows) if self._sees(test, window)]
            for row, statistic in self._judge_test(test, windows, wholes, rows):
                of_alert = found[windows[row].segment].setdefault(test.alert, [])
                of_alert.append(statistic)
        return {
            window.segment: {
                alert: log_mean([*statistics, *self._without(alert, statistics, window)])
                for alert, statistics in found[window.segment].items()
            }
            for window in windows
        }

    def _without(
        self, alert: str, statistics: Sequence[float], window: SegmentWindow
    ) -> list[float]:
        """Return nothing for each test of *alert* that a segment lacks: the others get none of its share."""
        due = [test for test in self._tests if test.alert == alert and _is_due(test, window)]
        return [-np.inf] * (len(due) - len(statistics))

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
        names = self._names(segment, alert)
        strongest = max(names, key=lambda name: self._last.get((segment, name), -np.inf))
        second = self._cohort_of[segment, strongest].since(segment)
        return datetime.fromtimestamp(second, UTC)

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

    def _sees(self, test: DriftTest, window: SegmentWindow) -> bool:
        is_tested = (window.segment, test.name) in self._cohort_of
        return is_tested and _is_due(test, window) and test.alert not in window.leave_out

    def _judge_test(
        self,
        test: DriftTest,
        windows: Sequence[SegmentWindow],
        wholes: Sequence[Counts],
        rows: Sequence[int],
    ) -> Iterator[tuple[int, float]]:
        """Judge the windows of *rows* by one test, those of one cohort at once."""
        by_cohort: defaultdict[Cohort, list[int]] = defaultdict(list)
        for row in rows:
            by_cohort[self._cohort_of[windows[row].segment, test.name]].append(row)
        for cohort, some in by_cohort.items():
            seen = [windows[row].counts if test.sees_late else wholes[row] for row in some]
            own = [windows[row] for row in some]
            judged = _judged(test, own, np.stack(seen)[:, columns_of(test, self._n_labels)])
            statistics = cohort.judge([w.segment for w in own], judged).tolist()
            for row, statistic in zip(some, statistics, strict=True):
                self._last[windows[row].segment, test.name] = statistic
                yield row, statistic

    def _names(self, segment: str, alert: str) -> list[str]:
        return [
            test.name
            for test in self._tests
            if test.alert == alert and (segment, test.name) in self._cohort_of
        ]


def _is_due(test: DriftTest, window: SegmentWindow) -> bool:
    return bool(window.weight) or test.sees_late


def _judged(test: DriftTest, windows: Sequence[SegmentWindow], seen: Counts) -> JudgedWindows:
    seconds = [window.second for window in windows]
    seeds = [w.second if w.seed is None else w.seed for w in windows]
    return JudgedWindows(
        counts=seen,
        seconds=np.array(seconds, dtype=np.int64),
        is_quiet=np.array([test.alert not in window.live for window in windows]),
        weights=np.array([window.weight for window in windows], dtype=np.int64),
        seeds=np.array(seeds, dtype=np.int64),
    )


def _fits(evidence: Arrays, test: DriftTest, baseline: Arrays) -> bool:
    """Return whether *evidence* is of a baseline of this shape."""
    return shapes_of(evidence) == shapes_of(fresh_evidence(test.method, baseline))
