"""What every drift test is: the interface that the monitor judges windows by.

A test is built for one segment from its reference windows. It keeps its evidence as JSON, so that any
agent can continue from it, and returns one number for each window.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from .design_effect import Counts
from .reference_windows import ReferenceWindows


@dataclass(frozen=True, slots=True)
class JudgedWindow:
    """One window of one segment.

    Attributes:
        counts: ``(columns, bins)``; the last column is the combined p-value.
        start: when it begins, in event time.
        is_quiet: whether it may count as normal later: not while an alert lives.
        weight: 1 for a window; 0 for counts that came late and are further evidence of windows that
            had their weight before. The sum of weights is the time that the budget is about.
        seed: for random numbers that whoever judges the window gets alike.
    """

    counts: Counts
    start: datetime
    is_quiet: bool = True
    weight: int = 1
    seed: int | None = None

    @property
    def second(self) -> int:
        """Its start in seconds since 1970."""
        return int(self.start.timestamp())

    @property
    def log_weight(self) -> float:
        """Logarithm of `weight`."""
        return 0.0 if self.weight else -math.inf


class AccruedEvidence(Protocol):
    """What one test has gathered against one segment's baseline. It changes with each window."""

    def add(self, window: JudgedWindow) -> float:
        """Take in one window and return the log statistic.

        The segment alarms when it reaches the logarithm of the budget in windows. A test that has
        no such statistic returns ``inf`` for an alarm and ``-inf`` for none.
        """

    @property
    def strongest(self) -> tuple[float, int]:
        """Log evidence of the strongest part, and the second at which that began to grow."""

    def restarted(self) -> AccruedEvidence:
        """Return it without evidence, as after an alarm; what is known of quiet windows stays."""

    def dump(self) -> dict[str, Any]:
        """Return JSON-ready values."""


class SegmentTest(Protocol):
    """One test, built on one segment's baseline. It never changes."""

    def start(self) -> AccruedEvidence:
        """Return evidence of no window yet."""

    def resume(self, kept: dict[str, Any]) -> AccruedEvidence | None:
        """Return what `AccruedEvidence.dump` gave, None if it belongs to another baseline."""


@dataclass(frozen=True, slots=True)
class DriftTest:
    """One row of `tests.catalogue.TESTS`.

    Attributes:
        name: as in ``[monitor] tests``.
        build: builds the test from a segment's reference; None if that is too small for it.
        alert: the alert's ``test``. The mean of the statistics of all tests with one such name is
            compared with the threshold. A segment is learnt until the first of them can be built.
        keeps_budget: whether the false-alarm budget is promised for it.
    """

    name: str
    build: Callable[[ReferenceWindows], SegmentTest | None]
    alert: str
    keeps_budget: bool
