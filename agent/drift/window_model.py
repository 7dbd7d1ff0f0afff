"""Bets on a window's counts against all beta-binomials that the reference allows (docs/method.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from .beta_binomial import (
    MEANS,
    correlations_for,
    expected_ratios,
    largest_means,
    log_constant,
    log_kernel,
    log_likelihoods,
    nearest_mixture,
    probabilities,
    shapes_of_beta,
)
from .design_effect import Array, Counts
from .window_counts import HIGH_EDGES, LOW_EDGES, MOST_EVENTS, N_COUNTS, window_counts

CUT = (0.2, 5.0, 200.0)
RARE = 2.0
DISPERSIONS = (1.2, 2.5, 6.0)
"""Of the alternatives: events of a window that come together."""
N_NULLS = 4
N_SHAPES = N_NULLS + len(DISPERSIONS)
MOST_SHARE = 0.985


@dataclass(frozen=True, slots=True)
class Alternative:
    """A share of events: *times* the largest that is normal, or *rest* of what that leaves."""

    count: int
    times: float = 1.0
    rest: float = 0.0

    def mean(self, top: Array) -> Array:
        """Return it where *top* are the largest normal shares, ``(counts,)``."""
        mean: Array = self.times * top[self.count] + self.rest * (1.0 - top[self.count])
        return np.minimum(mean, MOST_SHARE)


ALTERNATIVES = (
    *(
        Alternative(count, times, rest)
        for count in range(len(LOW_EDGES))
        for times, rest in ((2.0, 0.0), (6.0, 0.0), (1.0, 0.2), (1.0, 0.7))
    ),
    *(
        Alternative(len(LOW_EDGES) + number, rest=rest)
        for number in range(len(HIGH_EDGES))
        for rest in (0.6,)
    ),
    Alternative(N_COUNTS - 1, rest=0.9),
)
N_BETS = len(ALTERNATIVES)
COUNT_OF_BET = np.array([alternative.count for alternative in ALTERNATIVES])


@dataclass(frozen=True, slots=True)
class WindowModel:
    """The bets of one column: beta-binomials in a log-weighted sum, the nulls first.

    Attributes:
        a: ``(bets, N_SHAPES)``.
        b: the same.
        offset: the same: log weight and what does not depend on counts; ``-inf`` where there is none.
        penalty: ``(bets,)``: log of the largest expectation that a bet may have when all is normal.
        events: of a typical window.
    """

    a: Array
    b: Array
    offset: Array
    penalty: Array
    events: int

    @property
    def most_events(self) -> int:
        """A window counts as twice a typical one at most: the reference has not shown larger ones."""
        return min(2 * self.events, MOST_EVENTS)

    @property
    def least_events(self) -> NDArray[np.int64]:
        """Smallest window that each bet is on: the fullest bin of few events says nothing."""
        is_fullest = COUNT_OF_BET == N_COUNTS - 1
        return np.where(is_fullest, (self.events + 1) // 2, 0)


def build_window_model(windows: Counts, inflation: float) -> WindowModel:
    """Build the bets from one column's reference windows.

    Args:
        windows: ``(windows, bins)``, none empty.
        inflation: of a mean's variance, by neighbouring windows that resemble each other.
    """
    k, n = window_counts(windows)
    return build_model(k, n, ALTERNATIVES, inflation, rare=RARE)


def build_model(
    k: NDArray[np.int64],
    n: NDArray[np.int64],
    alternatives: Sequence[Alternative],
    inflation: float,
    *,
    rare: float = 0.0,
) -> WindowModel:
    """Build a bet for each of *alternatives* from the counts of reference windows.

    Args:
        k: ``(windows, counts)``: of the window's events, those that count.
        n: ``(windows,)``: its events.
        alternatives: of these counts.
        inflation: of a mean's variance, by neighbouring windows that resemble each other.
        rare: what a count that no window shows is allowed at least; see `region_cuts`.
    """
    count_of_bet = np.array([alternative.count for alternative in alternatives])
    events = max(int(np.median(n)), 2)
    correlations = correlations_for(events)
    likelihood = log_likelihoods(k, n, correlations)
    top, is_null = largest_means(likelihood, region_cuts(k, n, inflation, rare))
    largest = np.where(is_null, MEANS[top], 0.0).max(axis=1)
    null_a, null_b = shapes_of_beta(MEANS[top], correlations)
    means = np.array([alternative.mean(largest) for alternative in alternatives])
    together = np.minimum(np.array(DISPERSIONS) / events, 0.8)
    nulls_of = null_a[count_of_bet], null_b[count_of_bet]
    others_of = shapes_of_beta(means[:, None], together)
    return _projected(events, nulls_of, is_null[count_of_bet], others_of)


def region_cuts(k: NDArray[np.int64], n: NDArray[np.int64], inflation: float, rare: float) -> Array:
    """Return how far below its largest value the log likelihood may lie for a baseline to be possible.

    The likelihood of windows that resemble each other counts *inflation* times too much; a short
    reference is allowed more, since it shows little of its own variation; and so is a count that few
    windows show, since a rare event comes in clumps that a reference may have missed.

    Args:
        k: ``(windows, counts)``.
        n: ``(windows,)``.
        inflation: as in `build_model`.
        rare: what a count that no window shows is allowed at least; less the more windows show it.

    Returns:
        ``(counts,)``.
    """
    effective = max(len(n) / inflation, 0.5)
    shown = np.minimum((k > 0).sum(axis=0), (k < n[:, None]).sum(axis=0)) / inflation
    base, first, second = CUT
    short = first / effective + second / effective**2
    cut: Array = inflation * (base + np.maximum(short, rare / (1.0 + shown)))
    return cut


def log_ratios(model_a: Array, model_b: Array, offset: Array, k: Array, n: Array) -> Array:
    """Return the log likelihood ratio of each bet's alternative to its mixture of nulls.

    Args:
        model_a: ``(..., bets, N_SHAPES)``, and so *model_b* and *offset*.
        k: ``(..., bets)``.
        n: the same, or 1 instead of bets.
    """
    count, events = k[..., None], n[..., None]
    terms = np.moveaxis(log_kernel(count, events, model_a, model_b) + offset, -1, 0)
    ratios: Array = _log_sum(terms[N_NULLS:]) - _log_sum(terms[:N_NULLS])
    return ratios


def _projected(
    events: int,
    nulls_of: tuple[Array, Array],
    is_null: NDArray[np.bool_],
    others_of: tuple[Array, Array],
) -> WindowModel:
    """Put the nearest mixture of nulls under each alternative, of `N_NULLS` at most.

    Args:
        events: of a typical window.
        nulls_of: shapes, ``(bets, correlations)``.
        is_null: which of them the reference allows.
        others_of: shapes of the alternatives, ``(bets, dispersions)``.
    """
    (null_a, null_b), (other_a, other_b) = nulls_of, others_of
    nulls = probabilities(events, null_a, null_b)
    target = probabilities(events, other_a, other_b).mean(axis=1)
    weights = nearest_mixture(target, nulls, is_null)
    heaviest = np.argsort(-weights, axis=1, kind="stable")[:, :N_NULLS]
    kept = np.zeros_like(weights)
    np.put_along_axis(kept, heaviest, np.take_along_axis(weights, heaviest, axis=1), axis=1)
    kept /= kept.sum(axis=1, keepdims=True)
    worst = np.where(is_null, expected_ratios(target, nulls, kept), 0.0).max(axis=1)
    a = _stored(np.concatenate([np.take_along_axis(null_a, heaviest, axis=1), other_a], axis=1))
    b = _stored(np.concatenate([np.take_along_axis(null_b, heaviest, axis=1), other_b], axis=1))
    with np.errstate(divide="ignore"):
        log_weights = np.log(np.take_along_axis(kept, heaviest, axis=1))
    equal = np.full_like(other_a, -np.log(len(DISPERSIONS)))
    offset = np.concatenate([log_weights, equal], axis=1) + log_constant(a, b)
    return WindowModel(a, b, offset, np.log(np.maximum(worst, 1.0)), events)


def _log_sum(terms: Array) -> Array:
    """Return the logarithm of the sum of exponentials over the first axis; one term is finite.

    Term by term: numpy takes twice as long to reduce an axis of three.
    """
    most = reduce(np.maximum, terms)
    total: Array = most + np.log(reduce(np.add, [np.exp(term - most) for term in terms]))
    return total


def _stored(values: Array) -> Array:
    """Return the values as they are stored, so that what is derived from them fits them."""
    return values.astype(np.float32).astype(np.float64)
