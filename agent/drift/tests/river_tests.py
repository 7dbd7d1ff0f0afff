"""``adwin``, ``page_hinkley``, ``kswin``: river's tests on window means, with river's defaults.

Each gets the mean of -log p of a window's combined p-values, standardised on the reference, after the
means of the reference itself. No false-alarm budget is promised for them: docs/method.md has the
rates that were measured.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...alert.surprise import mean_surprise
from ..design_effect import Array
from ..drift_test import Arrays, DriftTest, JudgedWindows, restarted
from ..reference_windows import ReferenceWindows

KEPT = 256
"""Minimum number of window means in the evidence; at most twice as many."""

REMEMBERED = 2048
"""Tests of river that are kept ready; any can be made again from its means."""


class RiverTest(Protocol):
    """A drift test of river."""

    drift_detected: bool

    def update(self, x: float) -> None:
        """Take in one value."""


class WindowMeans:
    """One of river's tests, segment by segment: it cannot judge many at once.

    Baseline: ``centre`` and ``spread`` of the reference's windows, and the newest of their standardised
    means, ``reference``, ``n_reference`` of them. Evidence: ``means`` of the windows since the test
    last began, ``n_means`` of them, the newest at ``second``; river's own state follows from them.

    Args:
        make: builds river's test.
    """

    def __init__(self, make: Callable[[], RiverTest]) -> None:
        self._make = make
        self._ready: OrderedDict[bytes, RiverTest] = OrderedDict()

    def measure(self, reference: ReferenceWindows) -> Arrays | None:
        """Return one segment's baseline."""
        counts = reference.windows[:, -1]
        means = mean_surprise(counts[counts.sum(axis=1) > 0])
        centre, spread = float(means.mean()), max(float(means.std()), 1e-9)
        newest = ((means - centre) / spread)[-KEPT:].astype(np.float32)
        return {
            "centre": np.array(centre),
            "spread": np.array(spread),
            "reference": np.pad(newest, (0, KEPT - len(newest))),
            "n_reference": np.array(len(newest)),
        }

    def start(self, baseline: Arrays) -> Arrays:
        """Return evidence of no window yet."""
        n = len(baseline["centre"])
        return {
            "means": np.zeros((n, 2 * KEPT), dtype=np.float32),
            "n_means": np.zeros(n, dtype=np.int64),
            "second": np.zeros(n, dtype=np.int64),
        }

    def judge(
        self, baseline: Arrays, evidence: Arrays, windows: JudgedWindows
    ) -> tuple[Arrays, Array]:
        """Take in a window; the statistic is ``inf`` where the test alarms."""
        surprise = mean_surprise(windows.counts[:, -1])
        values = ((surprise - baseline["centre"]) / baseline["spread"]).astype(np.float32)
        means, n_means = evidence["means"].copy(), evidence["n_means"].copy()
        statistics = np.full(len(values), -np.inf)
        for row, value in enumerate(values):
            known = baseline["reference"][row, : baseline["n_reference"][row]]
            before = means[row, : n_means[row]]
            after = _with(before, value)
            if self._is_alarm(known, before, after):
                statistics[row] = np.inf
            n_means[row] = len(after)
            means[row] = np.pad(after, (0, 2 * KEPT - len(after)))
        return {"means": means, "n_means": n_means, "second": windows.seconds}, statistics

    def since(self, evidence: Arrays) -> NDArray[np.int64]:
        """Return the newest window: these tests do not say when a change began."""
        return evidence["second"]

    def restart(self, evidence: Arrays, which: NDArray[np.bool_]) -> Arrays:
        """Drop the means of some segments."""
        return restarted(evidence, {"means": 0.0, "n_means": 0}, which)

    def _is_alarm(
        self, known: NDArray[np.float32], before: NDArray[np.float32], after: NDArray[np.float32]
    ) -> bool:
        """Return what river's test says to the last of the means *after*."""
        test = self._ready.pop(_key(known, before), None)
        if test is None or len(after) <= len(before):
            test = self._make()
            for value in (*known.tolist(), *after.tolist()):
                test.update(value)
        else:
            test.update(float(after[-1]))
        self._ready[_key(known, after)] = test
        if len(self._ready) > REMEMBERED:
            self._ready.popitem(last=False)
        return bool(test.drift_detected)


def _with(means: NDArray[np.float32], value: np.float32) -> NDArray[np.float32]:
    """Add a mean; where the oldest are dropped must not depend on where a turn began."""
    longer = np.append(means, value)
    return longer[-KEPT:] if len(longer) > 2 * KEPT else longer


def _key(known: NDArray[np.float32], means: NDArray[np.float32]) -> bytes:
    return known.tobytes() + b"|" + means.tobytes()


def _make(kind: str, **options: int) -> RiverTest:
    """Build river's test; its package takes seconds to load, which most commands need not wait for."""
    from river import drift  # noqa: TID251 - river's drift tests are used here only

    made: RiverTest = getattr(drift, kind)(**options)
    return made


def _row(name: str, make: Callable[[], RiverTest]) -> DriftTest:
    return DriftTest(name, WindowMeans(make), alert=name, keeps_budget=False)


RIVER_TESTS = (
    _row("adwin", partial(_make, "ADWIN")),
    _row("page_hinkley", partial(_make, "PageHinkley")),
    _row("kswin", partial(_make, "KSWIN", seed=1)),
)
