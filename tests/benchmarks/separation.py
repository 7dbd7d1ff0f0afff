"""How well scores tell two sets of images apart: AUROC and FPR95, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    rng = np.random.default_rng(seed)
    normal_counts = _resample(rng, len(normal))
    unusual_counts = _resample(rng, len(unusual))
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


def _resample(rng: np.random.Generator, n: int) -> Array:
    """Return how often each row is drawn; the first resample is the sample itself."""
    drawn = rng.multinomial(n, np.full(n, 1 / n), size=N_RESAMPLES)
    return np.vstack([np.ones(n), drawn])


def _aurocs(normal: Array, unusual: Array, n_counts: Array, u_counts: Array) -> Array:
    order = np.argsort(normal)
    below = np.hstack([np.zeros((len(n_counts), 1)), np.cumsum(n_counts[:, order], axis=1)])
    ranked = normal[order]
    left = np.searchsorted(ranked, unusual, side="left")
    right = np.searchsorted(ranked, unusual, side="right")
    beaten = (below[:, left] + below[:, right]) / 2
    won = (beaten * u_counts).sum(axis=1)
    aurocs: Array = 100 * won / (n_counts.sum(axis=1) * u_counts.sum(axis=1))
    return aurocs


def _fpr95s(normal: Array, unusual: Array, n_counts: Array, u_counts: Array) -> Array:
    order = np.argsort(-unusual)
    reached = np.cumsum(u_counts[:, order], axis=1)
    places = (reached >= RECALL * reached[:, -1:] - 1e-9).argmax(axis=1)
    thresholds = unusual[order][places]
    above = normal[None] >= thresholds[:, None]
    fpr95s: Array = 100 * (above * n_counts).sum(axis=1) / n_counts.sum(axis=1)
    return fpr95s
