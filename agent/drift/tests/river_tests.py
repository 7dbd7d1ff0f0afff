"""``adwin``, ``page_hinkley``, ``kswin``: river's tests on window means, with river's defaults.

Each gets the mean of -log p of a window's combined p-values, standardised on the reference, after the
means of the reference itself. No false-alarm budget is promised for them: docs/method.md has the
rates that were measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import numpy as np
from river.drift import ADWIN, KSWIN, PageHinkley  # noqa: TID251 - river's drift tests are used here only

from ...alert.surprise import mean_surprise
from ..design_effect import Array, Counts
from ..drift_test import DriftTest, JudgedWindow
from ..reference_windows import ReferenceWindows

KEPT = 256
"""Minimum number of window means in the stored state; at most twice as many."""


class RiverTest(Protocol):
    """A drift test of river."""

    drift_detected: bool

    def update(self, x: float) -> None:
        """Take in one value."""


@dataclass(frozen=True, slots=True)
class MeansTest:
    """One of river's tests, on one segment.

    Attributes:
        make: builds river's test.
        centre: mean over the reference's windows.
        spread: their standard deviation.
        reference: their standardised means, the newest.
    """

    make: Callable[[], RiverTest]
    centre: float
    spread: float
    reference: tuple[float, ...]

    @classmethod
    def build(cls, reference: ReferenceWindows, *, make: Callable[[], RiverTest]) -> MeansTest:
        """Build it."""
        counts = reference.windows[:, -1]
        means = mean_surprise(counts[counts.sum(axis=1) > 0])
        centre, spread = float(means.mean()), max(float(means.std()), 1e-9)
        return cls(make, centre, spread, tuple(((means - centre) / spread)[-KEPT:].tolist()))

    def standardised(self, counts: Counts) -> Array:
        """Return a window's mean in standard deviations of the reference."""
        means: Array = (mean_surprise(counts) - self.centre) / self.spread
        return means

    def start(self) -> MeansEvidence:
        """Return evidence of no window yet."""
        return MeansEvidence(self)

    def resume(self, kept: dict[str, Any]) -> MeansEvidence:
        """Return what `MeansEvidence.dump` gave."""
        return MeansEvidence(self, list(kept["means"]), int(kept["second"]))


@dataclass(slots=True)
class MeansEvidence:
    """The means of windows since the test last began; river's own state follows from them."""

    test: MeansTest
    means: list[float] = field(default_factory=list)
    second: int = 0
    _river: RiverTest | None = None

    def add(self, window: JudgedWindow) -> float:
        """Take in one window; return ``inf`` where the test alarms."""
        self.second = window.second
        self.means.append(float(self.test.standardised(window.counts[-1])))
        if len(self.means) > 2 * KEPT:  # where this falls must not depend on where a turn began
            self.means, self._river = self.means[-KEPT:], None
        if self._river is None:
            self._river = self._replayed()
        else:
            self._river.update(self.means[-1])
        return np.inf if self._river.drift_detected else -np.inf

    @property
    def strongest(self) -> tuple[float, int]:
        """The newest window: these tests do not say when a change began."""
        return 0.0, self.second

    def restarted(self) -> MeansEvidence:
        """Return it without means."""
        return MeansEvidence(self.test)

    def dump(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {"means": self.means, "second": self.second}

    def _replayed(self) -> RiverTest:
        made = self.test.make()
        for value in (*self.test.reference, *self.means):
            made.update(value)
        return made


def _row(name: str, make: Callable[[], RiverTest]) -> DriftTest:
    build = partial(MeansTest.build, make=make)
    return DriftTest(name, build, alert=name, keeps_budget=False)


RIVER_TESTS = (
    _row("adwin", ADWIN),
    _row("page_hinkley", PageHinkley),
    _row("kswin", partial(KSWIN, seed=1)),
)
