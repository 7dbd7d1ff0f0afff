"""What every drift test is: the interface that the monitor judges windows by.

A test judges many segments at once. What it knows of a segment is two sets of named arrays: the
*baseline*, measured once on the segment's reference windows, and the *evidence*, which changes with each
window. Neither holds anything else, so that both are stored as bytes and any agent continues from them.

Arrays of many segments have a leading axis of segments, and a segment's row must be the same to the last
bit whichever segments are judged beside it: element-wise operations, gathers, and sums over a last,
contiguous axis; no matrix products. Evidence has the same bits after it was stored: no test keeps more
precision in memory than in its arrays. The evidence of all tests together is written for each segment
and window, so keep it small: about 2 KB, compressed, with six columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .design_effect import Array, Counts
from .reference_windows import ReferenceWindows

Arrays = dict[str, NDArray[Any]]
"""Named arrays: of one segment, or of many with a leading axis of segments."""


@dataclass(frozen=True, slots=True)
class JudgedWindows:
    """One window, or what came late, of each of many segments.

    Attributes:
        counts: ``(segments, columns, bins)``; the last column is the combined p-value. Of a test
            that reads labels, ``(segments, 2, bins)``: classes, and 1 - confidence.
        seconds: ``(segments,)``, when each begins, in seconds since 1970 by event time.
        is_quiet: ``(segments,)``, whether it may count as normal later: not while an alert lives.
        weights: ``(segments,)``, 1 for a window; 0 for counts that came late and are further evidence
            of windows that had their weight before. The sum of weights is the time that the budget
            is about.
        seeds: ``(segments,)``, for random numbers that whoever judges the window gets alike
            (`hashed_uniforms`).
    """

    counts: Counts
    seconds: NDArray[np.int64]
    is_quiet: NDArray[np.bool_]
    weights: NDArray[np.int64]
    seeds: NDArray[np.int64]

    @property
    def log_weights(self) -> Array:
        """Logarithm of the weights, ``(segments,)``: 0 or ``-inf``."""
        return np.where(self.weights > 0, 0.0, -np.inf)


class DriftMethod(Protocol):
    """How a test measures and judges: pure functions."""

    def measure(self, reference: ReferenceWindows) -> Arrays | None:
        """Return one segment's baseline, None if its reference is too small for the test.

        Baselines of one shape are judged together, so shapes should follow from the number of
        columns: pad what is shorter in one segment than in another.
        """

    def start(self, baseline: Arrays) -> Arrays:
        """Return evidence of no window yet, for each segment of *baseline* (leading axis)."""

    def judge(
        self, baseline: Arrays, evidence: Arrays, windows: JudgedWindows
    ) -> tuple[Arrays, Array]:
        """Take in one window of each segment; return new evidence and the log statistics.

        A segment alarms when its statistic, ``(segments,)``, reaches the logarithm of the budget in
        windows. A test that has no such statistic returns ``inf`` for an alarm and ``-inf`` for none.
        """

    def since(self, evidence: Arrays) -> NDArray[np.int64]:
        """Return the second at which each segment's evidence began to grow, ``(segments,)``."""

    def restart(self, evidence: Arrays, which: NDArray[np.bool_]) -> Arrays:
        """Drop the evidence of some segments, as after an alarm; what is known of quiet windows stays."""


@dataclass(frozen=True, slots=True)
class DriftTest:
    """One row of `tests.catalogue.TESTS`.

    Attributes:
        name: as in ``[monitor] tests``.
        method: how it measures and judges.
        alert: the alert's ``test``. The mean of the statistics of all tests with one such name is
            compared with the threshold. A segment is learnt until the first of them can be measured.
        keeps_budget: whether the false-alarm budget is promised for it.
        sees_late: whether it judges late counts at once, which have no weight; else it sees them with
            the window that follows.
        reads_labels: whether it judges the model's predictions instead of scores. A segment is tested
            without it where its reference has none.
        stands_in: whether it watches alone a segment whose reference is too short for the first test.
        share: of the alert's mean, beside those of its other tests.
        is_unpromised: whether its statistic is no part of the mean: where it alarms, the alert is raised only in
            segments whose reference promises no false-alarm rate. It needs other tests of the same alert.
    """

    name: str
    method: DriftMethod
    alert: str
    keeps_budget: bool
    sees_late: bool = False
    reads_labels: bool = False
    stands_in: bool = False
    share: float = 1.0
    is_unpromised: bool = False

    @property
    def statistic(self) -> str:
        """The name that its statistic is returned under: that of its alert, or its own."""
        return self.name if self.is_unpromised else self.alert


def restarted(evidence: Arrays, fresh: Mapping[str, float], which: NDArray[np.bool_]) -> Arrays:
    """Return *evidence* with the *fresh* value throughout the rows of *which* segments.

    Arrays that *fresh* lacks stay as they are.
    """
    return {
        name: np.where(_like(which, values), fresh[name], values).astype(values.dtype)
        if name in fresh
        else values
        for name, values in evidence.items()
    }


def _like(which: NDArray[np.bool_], values: NDArray[Any]) -> NDArray[np.bool_]:
    """Return *which* with as many axes as *values* has."""
    return which.reshape(-1, *[1] * (values.ndim - 1))
