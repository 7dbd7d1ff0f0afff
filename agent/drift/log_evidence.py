"""Evidence in logarithms: how it grows, how it is averaged, how JSON keeps it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .design_effect import Array


def advance(log_evidence: Array, gain: Array, log_weight: float = 0.0) -> Array:
    """Shiryaev-Roberts in logs: ``R <- (w + R) L``, bet by bet; *w* is 1 for a window."""
    moved: Array = np.logaddexp(log_weight, log_evidence) + gain
    return moved


def log_mean(log_values: Array | Sequence[float]) -> float:
    """Return the logarithm of the mean of exponentials, without overflow.

    >>> log_mean([0.0, 0.0])
    0.0
    """
    return float(np.logaddexp.reduce(log_values) - np.log(len(log_values)))


def to_json(log_evidence: Array) -> list[float | None]:
    """Return numbers that JSON can hold: None for minus infinity."""
    return [float(value) if np.isfinite(value) else None for value in log_evidence]


def from_json(values: Sequence[float | None]) -> Array:
    """Return what `to_json` wrote."""
    return np.array([-np.inf if value is None else value for value in values])
