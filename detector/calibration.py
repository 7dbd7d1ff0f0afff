"""Conformal p-values: a score's rank among held-out reference scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

TAIL_FROM = 0.9
"""Quantile of the held-out scores beyond which surprise grows with the score, not the rank."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Sorted held-out scores that new ones are ranked among.

    Two questions are asked of an event, and the louder answer counts: is any layer unusual
    (Fisher's sum over the layers' p-values), and is the whole unusual (the joint score)? The
    first sees faults of lens and light, the second unknown content; a sum of both would drown
    either. Whatever the statistic, its rank among cal-B is a valid p-value.

    Attributes:
        scores: cal-A, ``(n, layers + 1)``, each column sorted; the last is the joint score.
        sums: cal-A's Fisher sums, ``(n,)``, sorted.
        combined: cal-B's combined statistics, ``(m,)``, sorted.
    """

    scores: Array
    sums: Array
    combined: Array

    @classmethod
    def fit(cls, cal_a: Array, cal_b: Array) -> Calibration:
        """Calibrate on two held-out sets of scores, ``(n, layers + 1)`` and ``(m, layers + 1)``."""
        scores = np.sort(np.asarray(cal_a, dtype=np.float64), axis=0)
        sums = np.sort(_fisher(scores, np.asarray(cal_a, dtype=np.float64), own=1))
        draft = cls(scores, sums, np.zeros(0))
        statistic = draft.statistic(np.asarray(cal_b, dtype=np.float64))
        return cls(scores, sums, np.sort(statistic))

    def statistic(self, scores: Array, *, own: int = 0) -> Array:
        """Return the combined statistic of *scores*, ``(n,)``; higher is more unusual.

        Args:
            scores: ``(n, layers + 1)``.
            own: 1 where *scores* are cal-A's own, each then left out of its ranks.
        """
        layers = self.layer_surprise(scores, own=own)
        joint = _surprise(self.scores[:, -1], scores[:, -1], own=own)
        return np.maximum(layers, joint)

    def layer_surprise(self, scores: Array, *, own: int = 0) -> Array:
        """Return how unusual the layers' p-values are together, ``(n,)``; see `statistic`."""
        return _surprise(self.sums, _fisher(self.scores, scores, own=own), own=own)

    def p_values(self, scores: Array, uniforms: Array) -> tuple[Array, Array]:
        """Return the combined statistic ``(n,)`` and p-values ``(n, layers + 1)`` in (0, 1].

        Args:
            scores: ``(n, layers + 1)``; higher is more unusual; the last is the joint score.
            uniforms: ``(n,)`` in (0, 1): where between two ranks each p-value falls.

        Returns:
            The statistic, and the p-value of each layer, then the combined one. Those of a fresh
            reference event are exactly uniform, for any score's distribution, ties included.
        """
        scores = np.asarray(scores, dtype=np.float64)
        statistic = self.statistic(scores)
        columns = [
            _smoothed_ranks(self.scores[:, m], scores[:, m], uniforms)
            for m in range(scores.shape[1] - 1)
        ]
        columns.append(_smoothed_ranks(self.combined, statistic, uniforms))
        return statistic, np.column_stack(columns)

    def own_p_values(self, cal_a: Array, cal_b: Array, seed: int) -> tuple[Array, Array]:
        """Return the p-values of cal-A and cal-B themselves, each event left out of its ranks.

        They are what a fresh event's p-values would be, so that a segment's own normal masses
        can be counted on the same events that calibrate.
        """
        rng = np.random.default_rng(seed)
        first = self._left_out(cal_a, rng.random(len(cal_a)), own=1)
        second = self._left_out(cal_b, rng.random(len(cal_b)), own=0)
        return first, second

    def _left_out(self, scores: Array, uniforms: Array, *, own: int) -> Array:
        columns = [
            _smoothed_ranks(self.scores[:, m], scores[:, m], uniforms, own=own)
            for m in range(scores.shape[1] - 1)
        ]
        statistic = self.statistic(scores, own=own)
        columns.append(_smoothed_ranks(self.combined, statistic, uniforms, own=1 - own))
        return np.column_stack(columns)


def _fisher(reference: Array, scores: Array, *, own: int) -> Array:
    """Return the sum over layers of ``-log p``, the joint column left out."""
    total = np.zeros(len(scores))
    for m in range(reference.shape[1] - 1):
        total += _surprise(reference[:, m], scores[:, m], own=own)
    return total


def _surprise(reference: Array, scores: Array, *, own: int) -> Array:
    """Return ``-log p``, p = (1 + how many reach s) / (n + 1), with an exponential tail.

    Beyond the reference's 90 % quantile ranks grow coarse and end at the largest score; there
    the tail goes on as an exponential with the mean of the excesses seen.
    """
    n = len(reference)
    reaching = n - np.searchsorted(reference, scores, side="left")
    ranked = -np.log((1 + np.maximum(reaching - own, 0)) / (n + 1 - own))
    start = float(np.quantile(reference, TAIL_FROM))
    excess = reference[reference > start] - start
    if not len(excess):  # a column that is constant, or nearly
        return ranked
    tail = -np.log(1 - TAIL_FROM) + (scores - start) / excess.mean()
    return np.where(scores > start, tail, ranked)


def _smoothed_ranks(reference: Array, scores: Array, uniforms: Array, *, own: int = 0) -> Array:
    n = len(reference)
    above = n - np.searchsorted(reference, scores, side="right")
    tied = n - above - np.searchsorted(reference, scores, side="left")
    return (above + uniforms * (1 + tied - own)) / (n + 1 - own)
