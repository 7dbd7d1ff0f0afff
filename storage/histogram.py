"""The bins that p-values are counted in, and which rates can be read from them."""

from __future__ import annotations

EDGES = (
    0.0, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.02, 0.05, 0.1, 0.2,
    0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0,
)  # fmt: skip
"""Edges of the p-value bins; bin b counts p in (EDGES[b], EDGES[b + 1]]."""

N_BINS = len(EDGES) - 1
DEFAULT_ALPHA = 0.01
"""An event is out of distribution when its p-value is at most this, unless its stream says other."""

ALPHAS = EDGES[1 : EDGES.index(0.1) + 1]
"""What a stream's alpha may be: a rate is read from the counts, so a bin must end there."""


def n_ood_bins(alpha: float) -> int:
    """Return how many of the first bins hold the p-values of at most *alpha*.

    Example:
        >>> n_ood_bins(0.01)
        5

    Raises:
        ValueError: *alpha* is not one of `ALPHAS`.
    """
    if alpha not in ALPHAS:
        edges = ", ".join(f"{edge:g}" for edge in ALPHAS)
        raise ValueError(f"the rate is not available at alpha =  {alpha}; wanted one of {edges}")
    return EDGES.index(alpha)
