"""Simulated predictions: classes that stay for a while, and confidences, in windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from driftgauge.storage import N_BINS

Counts = NDArray[np.int64]

MIX = (0.4, 0.3, 0.15, 0.1, 0.05)
SURE = (0.3, 0.2, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05)


def label_windows(
    n_windows: int,
    seed: int,
    *,
    mix: Sequence[float] = MIX,
    sure: Sequence[float] = SURE,
    stays: float = 0.0,
    events: int = 32,
) -> Counts:
    """Return ``(windows, 2, bins)``: classes, and 1 - confidence.

    Args:
        n_windows: how many.
        seed: of the randomness.
        mix: share of each class.
        sure: share of each bin of 1 - confidence.
        stays: probability that an event is of the class and confidence of the one before, as on a belt.
        events: of a window.
    """
    rng = np.random.default_rng(seed)
    n = n_windows * events
    drawn = np.stack([rng.choice(len(mix), n, p=mix), rng.choice(len(sure), n, p=sure)])
    is_new = rng.random(n) >= stays
    is_new[0] = True
    last = np.maximum.accumulate(np.where(is_new, np.arange(n), 0))
    chain = drawn[:, last].reshape(2, n_windows, events)
    counts = np.zeros((n_windows, 2, N_BINS), dtype=np.int64)
    for row in range(2):
        np.add.at(counts[:, row], (np.arange(n_windows)[:, None], chain[row]), 1)
    return counts


def with_scores(labels: Counts) -> Counts:
    """Return the windows with a column of scores behind, all of them normal."""
    scores = np.zeros((len(labels), 1, N_BINS), dtype=np.int64)
    scores[:, 0, 8:16] = 4
    return np.concatenate([labels, scores], axis=1)
