"""Rates of events that come in runs: how many independent events they count as."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import betabinom

FEWEST_RUNS = 5
"""Below which nothing is known of how events within a run resemble each other."""


@dataclass(frozen=True, slots=True)
class ClusteredRate:
    """A rate with its effective sample size.

    Attributes:
        rate: share of events.
        events: how many there are.
        design_effect: by how much the rate varies more than that of independent events; at least 1.
        runs: how many runs they come from.
    """

    rate: float
    events: int
    design_effect: float
    runs: int

    @property
    def effective(self) -> float:
        """Independent events that say as much."""
        return self.events / self.design_effect


def measure_rate(hits: NDArray[np.bool_], run_ids: NDArray[np.int64]) -> ClusteredRate:
    """Return the rate of *hits*, its design effect measured over whole runs."""
    _, rows = np.unique(run_ids, return_inverse=True)
    return measure_counts(
        np.bincount(rows), np.bincount(rows[hits], minlength=rows.max(initial=-1) + 1)
    )


def measure_counts(events: NDArray[np.integer], hits: NDArray[np.integer]) -> ClusteredRate:
    """Return the rate of *hits* among *events*, both counted by run, ``(runs,)``."""
    n, n_runs = int(events.sum()), len(events)
    rate = float(hits.sum()) / n if n else 0.0
    if n_runs < FEWEST_RUNS or not 0 < rate < 1:
        return ClusteredRate(rate, n, 1.0, n_runs)
    surplus = hits - rate * events
    variance = n_runs / (n_runs - 1) * float(np.square(surplus).sum()) / n**2
    return ClusteredRate(rate, n, max(1.0, variance * n / (rate * (1 - rate))), n_runs)


@dataclass(frozen=True, slots=True)
class WindowHits:
    """Events and hits of a reference's windows in the order of time, ``(windows,)`` each."""

    events: NDArray[np.integer]
    hits: NDArray[np.integer]

    def by_runs_like(self, found: ClusteredRate) -> ClusteredRate:
        """Return the rate, its design effect over stretches with about as many events as a run of *found*."""
        per_run = found.events / max(found.runs, 1)
        n_joined = max(1, round(per_run / max(float(self.events.mean()), 1.0)))
        starts = np.arange(0, len(self.events), n_joined)
        return measure_counts(
            np.add.reduceat(self.events, starts), np.add.reduceat(self.hits, starts)
        )


@dataclass(frozen=True, slots=True)
class RateBounds:
    """Where a rate of fresh events may lie.

    Attributes:
        effective: independent fresh events that it is of.
    """

    low: float
    high: float
    effective: float

    def holds(self, rate: float) -> bool:
        """Return whether *rate* is within."""
        return self.low <= rate <= self.high


def rate_bounds(
    found: ClusteredRate, known: ClusteredRate, *, expected: float, confidence: float
) -> RateBounds:
    """Return where the rate of *found* may lie, given the reference's.

    The larger design effect of both counts: few hits show little of how they cluster, and none show
    nothing. With the fresh events' alone a rate that is too low by chance was refused in up to a fifth of
    simulated cases.
    """
    effective = found.events / max(found.design_effect, known.design_effect)
    low, high = rate_interval(expected, known.effective, effective, confidence=confidence)
    return RateBounds(low, high, effective)


def rate_interval(
    expected: float, reference_events: float, events: float, *, confidence: float
) -> tuple[float, float]:
    """Return where a rate of fresh events lies, given that both it and *expected* are of samples.

    A conformal p-value's rate at alpha is itself drawn with the calibration: beta-binomial, not
    binomial. With an endless reference the two are the same.

    Args:
        expected: rate that the reference has.
        reference_events: effective events that it is of.
        events: effective fresh events.
        confidence: 0 to 1.
    """
    n = max(round(events), 1)
    a = expected * reference_events + 0.5
    b = (1 - expected) * reference_events + 0.5
    tails = (1 - confidence) / 2
    low, high = betabinom.ppf([tails, 1 - tails], n, a, b)
    return float(low) / n, float(high) / n
