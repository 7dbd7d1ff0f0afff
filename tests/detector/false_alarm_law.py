"""How many false alarms chance allows on fresh events, given that the reference is finite."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

N_DRAWS = 200_000


@lru_cache
def allowed_counts(
    alpha: float, *, n_reference: int, n_fresh: int, level: float
) -> tuple[int, int]:
    """Return the fewest and the most p-values at or below *alpha* that chance gives.

    Once the reference is drawn, the rate of false alarms is fixed, but it is not alpha: a fresh
    score falls above the k-th largest of n with a probability that is itself Beta(k, n + 1 - k)
    over references, so that counts are beta-binomial. Smoothed ranks take a share of the next gap
    as well where alpha (n + 1) is not whole. Events of a pool that is dealt out at random
    follow the same law whatever the pool, for it depends on ranks alone.

    Args:
        level: probability that the count lies within, half of the rest on either side.
    """
    whole = np.floor(np.round(alpha * (n_reference + 1), 9))
    part = alpha * (n_reference + 1) - whole
    rng = np.random.default_rng(0)
    beyond = rng.beta(whole, n_reference + 1 - whole, N_DRAWS) if whole else np.zeros(N_DRAWS)
    gap = (1 - beyond) * rng.beta(1, n_reference - whole, N_DRAWS)
    counts = rng.binomial(n_fresh, beyond + part * gap)
    low, high = (1 - level) / 2, (1 + level) / 2
    return (
        int(np.quantile(counts, low, method="lower")),
        int(np.quantile(counts, high, method="higher")),
    )
