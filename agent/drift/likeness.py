"""How much neighbouring windows resemble each other (docs/method.md)."""

from __future__ import annotations

import math

import numpy as np

from ..alert.surprise import bin_surprise, mean_surprise
from .design_effect import Array, Counts

MOST_LIKENESS = 0.95
STANDARD_ERRORS = 0.5
PRIOR_WINDOWS = 20
"""Windows that the likeness inside windows counts as, where it says what neighbouring ones would share."""
_CHAINS = np.linspace(0.0, 0.999, 200)


def variance_inflation(windows: Counts) -> Array:
    """Return by how much neighbouring windows that resemble each other inflate a mean's variance.

    (1 + c) / (1 - c), c the likeness of neighbours. No column's c is taken to be below the median one.

    Args:
        windows: ``(windows, columns, bins)`` in time order.

    Returns:
        ``(columns,)``, at least 1.
    """
    alone = np.array([window_likeness(windows[:, column]) for column in range(windows.shape[1])])
    likeness = np.maximum(alone, np.median(alone))
    inflation: Array = (1.0 + likeness) / (1.0 - likeness)
    return inflation


def window_likeness(windows: Counts) -> float:
    """Return the likeness of neighbouring windows' mean -log p, ``(windows, bins)`` in time order."""
    held = windows[windows.sum(axis=-1) > 0]
    if len(held) < 3:  # noqa: PLR2004 - two windows have no correlation
        return MOST_LIKENESS
    return likeness_of(
        mean_surprise(held),
        events=int(np.median(held.sum(axis=-1))),
        event_variance=_event_variance(held),
    )


def likeness_of(means: Array, *, events: int, event_variance: float) -> float:
    """Return the lag-one correlation of windows' means, raised by `STANDARD_ERRORS`.

    It is corrected for its bias (Kendall 1954) and, since a short reference shows little of it, drawn
    towards what the likeness of events inside a window lets expect.

    Args:
        means: one a window, in time order.
        events: of a typical window.
        event_variance: of what the means are of, from event to event.
    """
    n = len(means)
    if n < 3:  # noqa: PLR2004 - two windows have no correlation
        return MOST_LIKENESS
    centred = means - means.mean()
    found = float((centred[1:] * centred[:-1]).sum() / max(float((centred**2).sum()), 1e-12))
    found += (1.0 + 3.0 * max(found, 0.0)) / n
    worth = n + PRIOR_WINDOWS
    expected = _expected_likeness(float(means.var()) / max(event_variance, 1e-12), max(events, 2))
    drawn = (n * max(found, 0.0) + PRIOR_WINDOWS * expected) / worth
    drawn += STANDARD_ERRORS * math.sqrt(max(1.0 - drawn**2, 0.05) / worth)
    return min(drawn, MOST_LIKENESS)


def _expected_likeness(variance: float, events: int) -> float:
    """Return the correlation of neighbouring windows if that of events falls with each further event.

    The chain (an AR(1) one) whose windows' means have this share of the variance of single events.
    """
    inside, between = _chain_sums(events)
    chain = int(np.abs(inside / events**2 - variance).argmin())
    return float(between[chain] / inside[chain])


def _event_variance(windows: Counts) -> float:
    shares = windows.sum(axis=0) / windows.sum()
    values = bin_surprise()
    return float(shares @ values**2 - (shares @ values) ** 2)


def _chain_sums(events: int) -> tuple[Array, Array]:
    """Return the sums of correlations inside a window and between two neighbours, for each chain."""
    apart = np.arange(-(events - 1), events)
    pairs = (events - np.abs(apart)).astype(np.float64)
    inside = (_CHAINS[:, None] ** np.abs(apart)) @ pairs
    between = (_CHAINS[:, None] ** (events + apart)) @ pairs
    return inside, between
