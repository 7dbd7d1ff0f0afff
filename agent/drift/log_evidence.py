"""Evidence in logarithms: how it grows, and how it is averaged."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .design_effect import Array

COMBINED_SHARE = 0.4
"""Weight of the combined p-values' bets: most changes show in them, and some in a single layer alone."""


def advance(log_evidence: Array, gain: Array, log_weight: float | Array = 0.0) -> Array:
    """Shiryaev-Roberts in logs: ``R <- (w + R) L``, bet by bet; *w* is 1 for a window."""
    moved: Array = log_add(log_weight, log_evidence) + gain
    return moved


def log_add(one: Array | float, other: Array | float) -> Array:
    """Return ``log(exp(one) + exp(other))``, element by element; `numpy.logaddexp` takes four times as long.

    >>> log_add(np.array([0.0, -np.inf]), np.array([-np.inf, -np.inf])).tolist()
    [0.0, -inf]
    """
    most = np.maximum(one, other)
    with np.errstate(invalid="ignore"):  # neither of them anything: -inf less -inf
        rest = np.log1p(np.exp(np.minimum(one, other) - most))
    found: Array = np.where(most == -np.inf, -np.inf, most + rest)
    return found


def log_mean(log_values: Array | Sequence[float]) -> float:
    """Return the logarithm of the mean of exponentials, without overflow.

    >>> log_mean([0.0, 0.0])
    0.0
    """
    return float(np.logaddexp.reduce(log_values) - np.log(len(log_values)))


def log_mean_of(log_values: Array, which: NDArray[np.bool_]) -> Array:
    """Return the same over the last axis, of *which* values alone; ``-inf`` where there is none.

    >>> log_mean_of(np.array([[0.0, 0.0, 5.0]]), np.array([[True, True, False]])).tolist()
    [0.0]
    """
    values = np.where(which, log_values, -np.inf)
    most = values.max(axis=-1, keepdims=True)
    most = np.where(most == -np.inf, 0.0, most)
    with np.errstate(divide="ignore"):  # there is none
        total = most[..., 0] + np.log(np.exp(values - most).sum(axis=-1))
    mean: Array = total - np.log(np.maximum(which.sum(axis=-1), 1))
    return mean


def weighted_mean(log_values: Array) -> Array:
    """Return the log of the mean over columns, the last axis, of which the last has `COMBINED_SHARE`.

    >>> weighted_mean(np.zeros((1, 3))).round(9).tolist()
    [0.0]
    """
    *_, n_columns = log_values.shape
    if n_columns == 1:
        return log_values[..., 0]
    layers = log_mean_of(log_values[..., :-1], np.ones_like(log_values[..., :-1], dtype=bool))
    combined = math.log(COMBINED_SHARE) + log_values[..., -1]
    return log_add(math.log1p(-COMBINED_SHARE) + layers, combined)
