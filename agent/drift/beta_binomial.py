"""Overdispersed counts: k of a window's n events, beta-binomial, and which of them a reference allows.

Pure numpy and scipy. docs/method.md has the reasons; *m* is the mean share, *r* the correlation of the
events inside a window.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from .design_effect import Array

MEANS: Array = 1.0 / (1.0 + np.exp(-np.linspace(np.log(4e-4), np.log(0.985 / 0.015), 72)))
"""Mean shares that are looked at, even in the log odds."""
N_CORRELATIONS = 20
LEAST_DISPERSION = 0.03
MOST_CORRELATION = 0.95
ROUNDS = 150


def correlations_for(events: int) -> Array:
    """Return the correlations that are looked at where a window has so many events, ascending.

    They are even in the logarithm of the surplus variance that they give such a window.
    """
    others = max(events - 1, 1)
    most = max(MOST_CORRELATION * others, 2 * LEAST_DISPERSION)
    surplus = np.geomspace(LEAST_DISPERSION, most, N_CORRELATIONS)
    return np.minimum(surplus / others, MOST_CORRELATION)


def shapes_of_beta(m: Array, r: Array) -> tuple[Array, Array]:
    """Return the beta distribution's two shapes."""
    total = (1.0 - r) / r
    return m * total, (1.0 - m) * total


def log_kernel(k: Array, n: Array | float, a: Array, b: Array) -> Array:
    """Return what depends on counts and shapes together in the log probability of *k* in *n*."""
    kernel: Array = gammaln(k + a) + gammaln(n - k + b) - gammaln(n + (a + b))
    return kernel


def log_constant(a: Array, b: Array) -> Array:
    """Return what depends on the shapes alone in it."""
    constant: Array = gammaln(a + b) - gammaln(a) - gammaln(b)
    return constant


def probabilities(n: int, a: Array, b: Array) -> Array:
    """Return the probability of 0 to *n* of *n*, ``(..., n + 1)``."""
    k = np.arange(n + 1.0)
    choose = gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)
    kernel = log_kernel(k, float(n), a[..., None], b[..., None])
    found: Array = np.exp(kernel + log_constant(a, b)[..., None] + choose)
    return found


def log_likelihoods(k: NDArray[np.int64], n: NDArray[np.int64], correlations: Array) -> Array:
    """Return the reference's log likelihood of each mean and correlation, less a constant.

    Args:
        k: ``(windows, features)``.
        n: ``(windows,)``.
        correlations: that are looked at.

    Returns:
        ``(features, means, correlations)``. A sum over windows of functions of k, of n - k and of n
        alone, so that histograms of these are enough.
    """
    size = int(n.max(initial=0)) + 1
    of_a, of_b, of_both, constant = _tables(correlations.tobytes(), size)
    counted = np.bincount(n, minlength=size).astype(np.float64)
    shared = counted @ of_both - len(n) * constant
    found = [
        np.bincount(column, minlength=size) @ of_a
        + np.bincount(n - column, minlength=size) @ of_b
        - shared
        for column in k.T
    ]
    return np.array(found).reshape(k.shape[1], len(MEANS), len(correlations))


def largest_means(
    log_likelihood: Array, cuts: Array
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return what the likelihood region allows at most, at each correlation.

    The region holds what lies within its cut of the largest log likelihood, and its neighbours on the
    grid, so that the grid's steps do not narrow it.

    Args:
        log_likelihood: ``(features, means, correlations)``.
        cuts: ``(features,)``.

    Returns:
        Number of the largest mean, and whether there is any, both ``(features, correlations)``.
    """
    best = log_likelihood.max(axis=(1, 2), keepdims=True)
    region = _with_neighbours(
        _with_neighbours(log_likelihood >= best - cuts[:, None, None], axis=1), axis=2
    )
    top: NDArray[np.int64] = region.shape[1] - 1 - region[:, ::-1].argmax(axis=1)
    is_any = np.asarray(region.any(axis=1))
    return top, is_any


def nearest_mixture(target: Array, nulls: Array, is_null: NDArray[np.bool_]) -> Array:
    """Return the weights of the mixture of *nulls* that is nearest to each target.

    The likelihood ratio of a target to its nearest mixture has an expectation of at most 1 under every
    null (reverse information projection: Grünwald, de Heide and Koolen 2024), found by expectation
    maximisation.

    Args:
        target: ``(bets, outcomes)`` probabilities.
        nulls: ``(bets, nulls, outcomes)``.
        is_null: ``(bets, nulls)``.

    Returns:
        ``(bets, nulls)``, each row sums to 1.
    """
    weights: Array = is_null / is_null.sum(axis=1, keepdims=True)
    for _ in range(ROUNDS):
        weights = weights * expected_ratios(target, nulls, weights)
        weights /= weights.sum(axis=1, keepdims=True)
    return weights


def expected_ratios(target: Array, nulls: Array, weights: Array) -> Array:
    """Return the expectation under each null of the target over the mixture, ``(bets, nulls)``."""
    mixture = np.maximum(np.matmul(weights[:, None], nulls)[:, 0], 1e-300)
    ratios: Array = np.matmul(nulls, (target / mixture)[..., None])[..., 0]
    return ratios


@lru_cache(maxsize=2)
def _tables(correlations: bytes, size: int) -> tuple[Array, Array, Array, Array]:
    """Return what the likelihood needs of each count below *size*; columns, and segments, mostly share it.

    Args:
        correlations: bytes of the array.
        size: of the tables' first axis.
    """
    a, b = (shape.ravel() for shape in _grid(np.frombuffer(correlations)))
    values = np.arange(float(size))[:, None]
    return gammaln(values + a), gammaln(values + b), gammaln(values + (a + b)), log_constant(a, b)


def _grid(correlations: Array) -> tuple[Array, Array]:
    return shapes_of_beta(MEANS[:, None], correlations)


def _with_neighbours(region: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    """Return the region with the grid point on each side of it along *axis*."""
    moved = np.moveaxis(region, axis, 0)
    wider = moved.copy()
    wider[1:] |= moved[:-1]
    wider[:-1] |= moved[1:]
    back: NDArray[np.bool_] = np.moveaxis(wider, 0, axis)
    return back
