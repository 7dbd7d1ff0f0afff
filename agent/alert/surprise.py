"""How unusual events are on average, from a histogram: the mean of -log p."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from driftgauge.storage import EDGES


def bin_surprise() -> NDArray[np.float64]:
    """Return what an event in each bin counts: -log of the geometric mean of the bin's edges.

    The first bin's lower edge is taken to be a tenth of its upper one.
    """
    edges = np.asarray(EDGES)
    lower = np.maximum(edges[:-1], edges[1] / 10)
    values: NDArray[np.float64] = -np.log(np.sqrt(lower * edges[1:]))
    return values


def mean_surprise(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean of -log p of windows, ``(..., bins)`` to ``(...)``; higher is stranger.

    >>> round(float(mean_surprise(np.eye(18, dtype=np.int64)[17])), 3)
    0.026
    """
    means: NDArray[np.float64] = counts @ bin_surprise() / np.maximum(counts.sum(axis=-1), 1)
    return means
