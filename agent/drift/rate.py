"""The share of events that are out of distribution."""

from __future__ import annotations

from driftgauge.storage import EDGES

from .design_effect import Array, Counts


def ood_rate(counts: Counts, alpha: float) -> float:
    """Return the share of events with p at most *alpha*, which must be an edge of the bins.

    Example:
        >>> import numpy as np
        >>> counts = np.zeros(18, dtype=np.int64)
        >>> counts[4], counts[9] = 1, 3
        >>> ood_rate(counts, 0.01)
        0.25
    """
    return float(ood_rates(counts, alpha))


def ood_rates(counts: Counts, alpha: float) -> Array:
    """Return the same of many histograms, ``(..., bins)`` to ``(...)``."""
    n_bins = EDGES.index(alpha)
    rates: Array = counts[..., :n_bins].sum(axis=-1) / counts.sum(axis=-1).clip(min=1)
    return rates
