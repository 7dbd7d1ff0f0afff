"""How well scores tell two sets of images apart: AUROC and FPR95, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
N_RESAMPLES = 200
RECALL = 0.95


@dataclass(frozen=True, slots=True)
class Separation:
    """AUROC and FPR95 in per cent, and of each the bootstrap's resamples.

    Attributes:
        auroc: chance that an unusual image scores above a normal one; ties count half.
        fpr95: share of normal images above the score that 95 % of the unusual ones reach.
        aurocs: of each resample, ``(N_RESAMPLES,)``.
        fpr95s: likewise.
    """

    auroc: float
    fpr95: float
    aurocs: Array
    fpr95s: Array


def separate(normal: Array, unusual: Array, *, seed: int) -> Separation:
    """Compare scores of two sets; higher is more unusual.

    The resamples draw both sets with replacement. Equal seeds and sizes draw equal rows, so that
    differences between detectors can be resampled in pairs.
    """
    normal_counts = _resample(len(normal), seed)
    unusual_counts = _resample(len(unusual), seed + 1)
    aurocs = _aurocs(normal, unusual, normal_counts, unusual_counts)
    fpr95s = _fpr95s(normal, unusual, normal_counts, unusual_counts)
    return Separation(float(aurocs[0]), float(fpr95s[0]), aurocs[1:], fpr95s[1:])


def mean_of(found: Sequence[Separation]) -> Separation:
    """Return the mean over targets or seeds, resample by resample."""
    return Separation(
        float(np.mean([one.auroc for one in found])),
        float(np.mean([one.fpr95 for one in found])),
        np.mean([one.aurocs for one in found], axis=0),
        np.mean([one.fpr95s for one in found], axis=0),
    )


def interval(resamples: Array) -> tuple[float, float]:
    """Return the 95 % percentile interval."""
    low, high = np.percentile(resamples, [2.5, 97.5])
    return float(low), float(high)


@lru_cache(maxsize=32)
def _resample(n: int, seed: int) -> Array:
    """Return how often each row is drawn, ``(n, 1 + N_RESAMPLES)``; the first draw is each once."""
    rng = np.random.default_rng([n, seed])
    drawn = rng.multinomial(n, np.full(n, 1 / n), size=N_RESAMPLES)
    return np.ascontiguousarray(np.vstack([np.ones(n), drawn]).T)


def _aurocs(normal: Array, unusual: Array, n_counts: Array, u_counts: Array) -> Array:
    order = np.argsort(normal)
    below = _counted_below(n_counts[order])
    left = np.searchsorted(normal[order], unusual, side="left")
    right = np.searchsorted(normal[order], unusual, side="right")
    beaten = below[left] if np.array_equal(left, right) else (below[left] + below[right]) / 2
    won = np.einsum("ij,ij->j", beaten, u_counts)
    aurocs: Array = 100 * won / (len(normal) * len(unusual))
    return aurocs


def _fpr95s(normal: Array, unusual: Array, n_counts: Array, u_counts: Array) -> Array:
    falling = np.argsort(-unusual)
    reached = np.cumsum(u_counts[falling], axis=0)
    places = (reached >= RECALL * len(unusual) - 1e-9).argmax(axis=0)
    thresholds = unusual[falling][places]
    order = np.argsort(normal)
    first = np.searchsorted(normal[order], thresholds, side="left")
    below = _counted_below(n_counts[order])[first, np.arange(n_counts.shape[1])]
    fpr95s: Array = 100 * (1 - below / len(normal))
    return fpr95s


def _counted_below(counts: Array) -> Array:
    """Return how many draws lie below each rank, ``(n + 1, draws)``."""
    return np.vstack([np.zeros((1, counts.shape[1])), np.cumsum(counts, axis=0)])
