"""Segments that one test judges at once: their baselines and their evidence, stacked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .design_effect import Array
from .drift_test import Arrays, DriftMethod, JudgedWindows


class Cohort:
    """Segments whose baselines for one test have the same shape.

    Args:
        method: of the test.
    """

    def __init__(self, method: DriftMethod) -> None:
        self._method = method
        self._rows: dict[str, int] = {}
        self._baseline: Arrays = {}
        self._evidence: Arrays = {}
        self._statistics = np.zeros(0)
        self._joining: list[tuple[Arrays, Arrays]] = []
        self._is_own = False

    def add(self, segment: str, baseline: Arrays, evidence: Arrays | None) -> None:
        """Take in a segment with its *evidence*, None where it has none yet."""
        self._rows[segment] = len(self._rows)
        self._joining.append((baseline, evidence or fresh_evidence(self._method, baseline)))

    def replace(self, segment: str, baseline: Arrays) -> None:
        """Judge a segment against another baseline of the same shape from now on; its evidence stays."""
        self._settle()
        for name, values in baseline.items():
            self._baseline[name][self._rows[segment]] = values

    def judge(self, segments: Sequence[str], windows: JudgedWindows) -> Array:
        """Take in a window of each of *segments*; return their log statistics."""
        self._settle()
        rows = self._rows_of(segments)
        if len(rows) == len(self._rows) and bool((rows == np.arange(len(rows))).all()):
            self._evidence, statistics = self._method.judge(self._baseline, self._evidence, windows)
            self._is_own = False
        else:
            after, statistics = self._method.judge(
                _taken(self._baseline, rows), _taken(self._evidence, rows), windows
            )
            self._write(rows, after)
        self._statistics[rows] = statistics
        return statistics

    def restart(self, segment: str) -> None:
        """Drop a segment's evidence."""
        self._settle()
        row = np.array([self._rows[segment]])
        self._write(row, self._method.restart(_taken(self._evidence, row), np.array([True])))

    def last_statistic(self, segment: str) -> float:
        """Return the log statistic of the segment's last window; ``-inf`` before the first."""
        self._settle()
        return float(self._statistics[self._rows[segment]])

    def since(self, segment: str) -> int:
        """Return the second at which a segment's evidence began to grow."""
        return int(self._method.since(_stacked([self.evidence(segment)]))[0])

    def evidence(self, segment: str) -> Arrays:
        """Return a segment's evidence."""
        self._settle()
        row = self._rows[segment]
        return {name: values[row] for name, values in self._evidence.items()}

    def _settle(self) -> None:
        """Stack what has joined since; a segment may join while others are judged."""
        if not self._joining:
            return
        baselines, evidence = zip(*self._joining, strict=True)
        self._baseline = _joined(self._baseline, _stacked(baselines))
        self._evidence = _joined(self._evidence, _stacked(evidence))
        self._is_own = True
        more = np.full(len(evidence), -np.inf)
        self._statistics = np.concatenate([self._statistics, more])
        self._joining = []

    def _write(self, rows: NDArray[np.int64], values: Arrays) -> None:
        """Replace the evidence of some rows; not in arrays that a test has returned: others may hold them."""
        if not self._is_own:
            self._evidence = {name: each.copy() for name, each in self._evidence.items()}
            self._is_own = True
        for name, new in values.items():
            self._evidence[name][rows] = new

    def _rows_of(self, segments: Sequence[str]) -> NDArray[np.int64]:
        return np.array([self._rows[segment] for segment in segments], dtype=np.int64)


def fresh_evidence(method: DriftMethod, baseline: Arrays) -> Arrays:
    """Return one segment's evidence of no window yet."""
    return {name: values[0] for name, values in method.start(_stacked([baseline])).items()}


def _stacked(rows: Sequence[Arrays]) -> Arrays:
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def _joined(before: Arrays, more: Arrays) -> Arrays:
    if not before:
        return more
    return {name: np.concatenate([before[name], values]) for name, values in more.items()}


def _taken(arrays: Arrays, rows: NDArray[np.int64]) -> Arrays:
    return {name: values[rows] for name, values in arrays.items()}
