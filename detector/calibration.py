"""Conformal p-values: a score's rank among held-out reference scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Joining = Literal["sum", "largest"]
JOININGS: tuple[Joining, ...] = get_args(Joining)

TAIL_FROM = 0.9
"""Quantile of the held-out scores beyond which surprise grows with the score, not the rank."""


@dataclass(frozen=True)
class Calibration:
    """Sorted held-out scores that new ones are ranked among.

    Two questions are asked of an event: is any layer unusual (Fisher's sum over the layers' p-values,
    weighted), and is the whole unusual (the joint score)? The first sees faults of lens and light, the
    second unknown content. Their surprises are summed, each on its own scale of -log p, so that many
    layers do not drown the joint score. Whatever the statistic, its rank among cal-B is a valid p-value.

    Attributes:
        scores: cal-A, ``(n, layers + 1)``, each column sorted; the last is the joint score.
        sums: cal-A's Fisher sums, ``(n,)``, sorted.
        combined: cal-B's combined statistics, ``(m,)``, sorted.
        weights: of each layer in Fisher's sum, ``(layers,)``.
        joining: ``sum`` of both surprises, or the ``largest``.
    """

    scores: Array
    sums: Array
    combined: Array
    weights: Array
    joining: Joining = "sum"

    @classmethod
    def fit(
        cls,
        cal_a: Array,
        cal_b: Array,
        weights: Array | None = None,
        joining: Joining = "sum",
    ) -> Calibration:
        """Calibrate on two held-out sets of scores, ``(n, layers + 1)`` and ``(m, layers + 1)``.

        Args:
            weights: of each layer in Fisher's sum, ``(layers,)``; None weighs all alike. Whatever they
                are, p-values are exact.
        """
        cal_a = np.asarray(cal_a, dtype=np.float64)
        scores = np.sort(cal_a, axis=0)
        weights = np.ones(scores.shape[1] - 1) if weights is None else weights
        sums = np.sort(_fisher(_columns_of(scores), cal_a, weights, own=1))
        draft = cls(scores, sums, np.zeros(0), weights, joining)
        statistic = draft.statistic(np.asarray(cal_b, dtype=np.float64))
        return replace(draft, combined=np.sort(statistic))

    def statistic(self, scores: Array, *, own: int = 0) -> Array:
        """Return the combined statistic of *scores*, ``(n,)``; higher is more unusual.

        Args:
            scores: ``(n, layers + 1)``.
            own: 1 where *scores* are cal-A's own, each then left out of its ranks.
        """
        layers = self.layer_surprise(scores, own=own)
        joint = _surprise(self._columns[-1], scores[:, -1], own=own)
        return layers + joint if self.joining == "sum" else np.maximum(layers, joint)

    def layer_surprise(self, scores: Array, *, own: int = 0) -> Array:
        """Return how unusual the layers' p-values are together, ``(n,)``; see `statistic`."""
        return _surprise(self._sums, _fisher(self._columns, scores, self.weights, own=own), own=own)

    def p_values(self, scores: Array, uniforms: Array) -> tuple[Array, Array]:
        """Return the combined statistic ``(n,)`` and p-values ``(n, layers + 1)`` in (0, 1].

        Args:
            scores: ``(n, layers + 1)``; higher is more unusual; the last is the joint score.
            uniforms: ``(n,)`` in (0, 1): where between two ranks each p-value falls.

        Returns:
            The statistic, and the p-value of each layer, then the combined one. Those of a fresh
            reference event are exactly uniform, for any score's distribution, ties included.
        """
        return self._ranked(np.asarray(scores, dtype=np.float64), uniforms)

    def own_p_values(self, cal_a: Array, cal_b: Array, seed: int) -> tuple[Array, Array]:
        """Return the p-values of cal-A and cal-B themselves, each event left out of its ranks.

        They are what a fresh event's p-values would be, so that a segment's own normal masses
        can be counted on the same events that calibrate.
        """
        rng = np.random.default_rng(seed)
        _, first = self._ranked(cal_a, rng.random(len(cal_a)), in_a=1)
        _, second = self._ranked(cal_b, rng.random(len(cal_b)), in_b=1)
        return first, second

    def _ranked(
        self, scores: Array, uniforms: Array, *, in_a: int = 0, in_b: int = 0
    ) -> tuple[Array, Array]:
        """Return `p_values`; *in_a* and *in_b* are 1 where *scores* are cal-A's or cal-B's own."""
        statistic = self.statistic(scores, own=in_a)
        columns = [
            _smoothed_ranks(self.scores[:, m], scores[:, m], uniforms, own=in_a)
            for m in range(scores.shape[1] - 1)
        ]
        columns.append(_smoothed_ranks(self.combined, statistic, uniforms, own=in_b))
        return statistic, np.column_stack(columns)

    @cached_property
    def _columns(self) -> list[_Column]:
        return _columns_of(self.scores)

    @cached_property
    def _sums(self) -> _Column:
        return _Column.of(self.sums)


@dataclass(frozen=True, slots=True)
class _Column:
    """Sorted held-out scores of one kind, and their tail, which is measured once.

    Attributes:
        start: where the tail begins.
        excess: mean of the values beyond it, None if there are none.
    """

    scores: Array
    start: float
    excess: float | None

    @classmethod
    def of(cls, scores: Array) -> _Column:
        start = float(np.quantile(scores, TAIL_FROM))
        beyond = scores[scores > start] - start
        return cls(scores, start, float(beyond.mean()) if len(beyond) else None)


def _columns_of(scores: Array) -> list[_Column]:
    return [_Column.of(column) for column in scores.T]


def _fisher(columns: Sequence[_Column], scores: Array, weights: Array, *, own: int) -> Array:
    """Return the weighted sum over layers of ``-log p``, the joint column left out."""
    total = np.zeros(len(scores))
    for m, column in enumerate(columns[:-1]):
        total += weights[m] * _surprise(column, scores[:, m], own=own)
    return total


def _surprise(column: _Column, scores: Array, *, own: int) -> Array:
    """Return ``-log p``, p = (1 + how many reach s) / (n + 1), with an exponential tail.

    Beyond the reference's 90 % quantile ranks are coarse and end at the largest score; there
    the tail is extrapolated as an exponential with the mean of the observed excesses.
    """
    n = len(column.scores)
    reaching = n - np.searchsorted(column.scores, scores, side="left")
    ranked = -np.log((1 + np.maximum(reaching - own, 0)) / (n + 1 - own))
    if column.excess is None:  # a column that is constant, or nearly
        return ranked
    tail = -np.log(1 - TAIL_FROM) + (scores - column.start) / column.excess
    return np.where(scores > column.start, tail, ranked)


def _smoothed_ranks(reference: Array, scores: Array, uniforms: Array, *, own: int = 0) -> Array:
    n = len(reference)
    above = n - np.searchsorted(reference, scores, side="right")
    tied = n - above - np.searchsorted(reference, scores, side="left")
    return (above + uniforms * (1 + tied - own)) / (n + 1 - own)
