"""Design effects: how much more evidence varies where neighbouring events resemble each other.

Pure numpy, and scipy for a quantile. docs/method.md has the reasons.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

MIN_BLOCKS = 8
CONFIDENCE = 0.9


@dataclass(frozen=True, slots=True)
class DesignEffect:
    """A measured design effect, at least 1, and its upper `CONFIDENCE` bound."""

    estimate: float
    bound: float


INDEPENDENT = DesignEffect(1.0, 1.0)


@dataclass(frozen=True, slots=True)
class DesignEffects:
    """Those of many bets; both ``(bets,)``."""

    estimate: Array
    bound: Array
    is_known: bool = True

    def at_least(self, least: DesignEffect) -> DesignEffects:
        """Return them with none smaller than *least*; where nothing could be measured, as they are."""
        if not self.is_known:
            return self
        return DesignEffects(
            np.maximum(self.estimate, least.estimate), np.maximum(self.bound, least.bound)
        )

    @property
    def typical(self) -> DesignEffect:
        """The median bet's."""
        return DesignEffect(float(np.median(self.estimate)), float(np.median(self.bound)))


def measure_design_effects(
    windows: Array, masses: Array, log_gain: Array, least: DesignEffect = INDEPENDENT
) -> DesignEffects:
    """Measure each bet's design effect: the largest over blocks of 1, 2, 4, ... windows.

    Args:
        windows: ``(windows, bins)`` counts in time order.
        masses: ``(bins,)``, sums to 1.
        log_gain: ``(bets, bins)``, what one event adds to a bet's log evidence.
        least: no bet's design effect is taken to be smaller.

    With fewer than `MIN_BLOCKS` windows nothing can be measured, and a window counts as one event.
    """
    surplus = windows @ log_gain.T - windows.sum(axis=1)[:, None] * (log_gain @ masses)
    events = windows.sum() / len(windows)
    independent = events * ((log_gain**2) @ masses - (log_gain @ masses) ** 2)
    sizes = _block_sizes(len(windows))
    if not sizes:
        unknown = np.full(len(log_gain), max(events, 1.0))
        return DesignEffects(unknown, unknown, is_known=False)
    ratios = np.array([_block_variance(surplus, size) / size for size in sizes])
    ratios /= np.maximum(independent, 1e-12)
    bounds = ratios * np.array([[_inflation(len(windows), size)] for size in sizes])
    return DesignEffects(ratios.max(axis=0), bounds.max(axis=0)).at_least(least)


def _block_sizes(n_windows: int) -> list[int]:
    sizes, size = [], 1
    while n_windows // size >= MIN_BLOCKS:
        sizes.append(size)
        size *= 2
    return sizes


def _block_variance(surplus: Array, size: int) -> Array:
    """Return the variance of sums over all runs of *size* windows, overlapping ones too."""
    n = len(surplus)
    centred = surplus - surplus.mean(axis=0)
    sums = np.concatenate([np.zeros((1, surplus.shape[1])), np.cumsum(centred, axis=0)])
    blocks = sums[size:] - sums[:-size]
    variance: Array = (blocks**2).mean(axis=0) * n / (n - size)
    return variance


def _inflation(n_windows: int, size: int) -> float:
    """Return what takes a block variance to its upper bound.

    A variance of b separate blocks has b - 1 degrees of freedom; overlapping ones add up to half
    as many (Meketon and Schmeiser 1984).
    """
    freedom = (n_windows // size - 1) * 3 * size**2 / (2 * size**2 + 1)
    quantile = 2.0 * float(gammaincinv(freedom / 2.0, 1.0 - CONFIDENCE))  # of chi-square
    return freedom / quantile
