"""Simulated p-value streams: correlated neighbours, segments off the pool, known seeds."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.special import ndtr

from driftgauge.storage import EDGES, N_BINS

EVENTS = 64
"""Events of one window."""


def normal_scores(
    n: int, seed: int, *, correlation: float = 0.0, shift: float = 0.0
) -> NDArray[np.float64]:
    """Return standard normal scores whose neighbours are correlated (an AR(1) chain)."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal(n) * math.sqrt(1 - correlation**2)
    noise[0] = rng.standard_normal()
    scores: NDArray[np.float64] = lfilter([1.0], [1.0, -correlation], noise)
    return scores + shift


def pool_p_values(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return p-values against a standard normal pool."""
    p_values: NDArray[np.float64] = np.clip(ndtr(-scores), 1e-12, 1.0)
    return p_values


def windows_of(p_values: NDArray[np.float64], events: int = EVENTS) -> NDArray[np.int64]:
    """Return ``(windows, bins)`` counts of consecutive events."""
    n_windows = len(p_values) // events
    bins = np.searchsorted(np.asarray(EDGES[1:-1]), p_values[: n_windows * events], side="left")
    counts = np.zeros((n_windows, N_BINS), dtype=np.int64)
    rows = np.repeat(np.arange(n_windows), events)
    np.add.at(counts, (rows, bins), 1)
    return counts
