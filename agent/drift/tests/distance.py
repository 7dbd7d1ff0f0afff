"""How far windows lie beyond the reference, where ranks only say that they do: part of ``coarse``."""

from __future__ import annotations

import numpy as np
from scipy.special import chdtri, stdtr

from ...alert.surprise import mean_surprise
from ..design_effect import Array, Counts
from ..drift_test import Arrays

CONFIDENCE = 0.95
"""With which the spread that was measured is not too small."""
FREEDOM = 10.0
"""Degrees of freedom that a tail is given at most: windows of correlated events have heavier ones than a normal law."""
LEAST_WORTH = 1.5
LEAST_SPREAD = 0.05
"""Of a window's mean of -log p: a reference that stands still says little of what is normal."""
LEAST_P, MOST_P = 1e-12, 0.999


def measure_distance(windows: Counts, inflation: Array) -> Arrays:
    """Return the highest level and the largest spread of windows' means of -log p that are normal, a column.

    Args:
        windows: of the reference, ``(windows, columns, bins)``, each of about as many events.
        inflation: of a mean's variance, by neighbouring windows that resemble each other, ``(columns,)``.
    """
    means, n = mean_surprise(windows), len(windows)
    worth = np.maximum(n / inflation, LEAST_WORTH)
    freedom = worth - 1.0
    unbiased = means.var(axis=0) * worth / freedom
    variance = np.maximum(unbiased, LEAST_SPREAD**2)
    bound = freedom / chdtri(freedom, CONFIDENCE)  # chi-square
    return {
        "level": means.mean(axis=0) + np.sqrt(variance / worth),
        "spread": np.sqrt(variance * bound),
        "likeness": (inflation - 1.0) / (inflation + 1.0),
        "freedom": np.minimum(freedom, FREEDOM),
    }


def distance_gains(baseline: Arrays, counts: Counts, last: Array) -> tuple[Array, Array]:
    """Return the bets' log gains, ``(segments, columns)``, and the windows' own means.

    A window is as improbable as its distance from the level, or from what its predecessor lets expect, whichever is
    less (docs/method.md); of several components the one that explains it best counts.

    Args:
        baseline: what `measure_distance` found, ``(segments, components, columns)``.
        counts: ``(segments, columns, bins)``.
        last: means of the window before, ``(segments, columns)``; nan where there was none.
    """
    means = np.round(mean_surprise(counts), 9)
    level, spread, likeness = (baseline[name] for name in ("level", "spread", "likeness"))
    alone = (means[:, None] - level) / spread
    before = (last[:, None] - level) / spread
    after = (alone - likeness * before) / np.sqrt(1.0 - likeness**2)
    distance = np.fmin(alone, after)
    p = stdtr(baseline["freedom"], -distance).max(axis=1)
    return log_bet(p), means


def log_bet(p: Array) -> Array:
    """Return the log of the mean of k p^(k-1) over k in (0, 1), whose expectation is 1 for a uniform p."""
    p = np.clip(p, LEAST_P, MOST_P)
    log_p = np.log(p)
    found: Array = np.log((1.0 - p + p * log_p) / (p * log_p**2))
    return found
