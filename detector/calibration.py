"""Conformal p-values: a score's rank among held-out reference scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Sorted held-out scores that new ones are ranked among.

    Attributes:
        layer_scores: cal-A, ``(n, layers)``, each column sorted.
        combined: cal-B's Fisher statistics, ``(m,)``, sorted.
    """

    layer_scores: Array
    combined: Array

    @classmethod
    def fit(cls, cal_a: Array, cal_b: Array) -> Calibration:
        """Calibrate on two held-out sets of scores, ``(n, layers)`` and ``(m, layers)``.

        Layers are correlated, so that no textbook distribution fits Fisher's statistic; it is
        ranked again, among cal-B, whose layers are ranked among cal-A like any new event's.
        """
        layer_scores = np.sort(np.asarray(cal_a, dtype=np.float64), axis=0)
        statistic = _fisher(layer_scores, np.asarray(cal_b, dtype=np.float64))
        return cls(layer_scores=layer_scores, combined=np.sort(statistic))

    def p_values(self, scores: Array, uniforms: Array) -> tuple[Array, Array]:
        """Return Fisher's statistic ``(n,)`` and p-values ``(n, layers + 1)`` in (0, 1].

        Args:
            scores: ``(n, layers)``; higher is more unusual.
            uniforms: ``(n,)`` in (0, 1): where between two ranks each p-value falls.

        The p-values of a fresh reference event are exactly uniform, for any score's
        distribution, ties included.
        """
        scores = np.asarray(scores, dtype=np.float64)
        statistic = _fisher(self.layer_scores, scores)
        layers = np.column_stack(
            [
                _smoothed_ranks(self.layer_scores[:, m], scores[:, m], uniforms)
                for m in range(scores.shape[1])
            ]
        )
        combined = _smoothed_ranks(self.combined, statistic, uniforms)
        return statistic, np.column_stack([layers, combined])

    def own_p_values(self, cal_a: Array, cal_b: Array, seed: int) -> tuple[Array, Array]:
        """Return the p-values of cal-A and cal-B themselves, each event left out of its ranks.

        They are what a fresh event's p-values would be, so that a segment's own normal masses
        can be counted on the same events that calibrate.
        """
        rng = np.random.default_rng(seed)
        first = self._left_out(cal_a, rng.random(len(cal_a)), in_layers=True)
        second = self._left_out(cal_b, rng.random(len(cal_b)), in_layers=False)
        return first, second

    def _left_out(self, scores: Array, uniforms: Array, *, in_layers: bool) -> Array:
        own = 1 if in_layers else 0
        columns = [
            _smoothed_ranks(self.layer_scores[:, m], scores[:, m], uniforms, own=own)
            for m in range(scores.shape[1])
        ]
        statistic = _fisher(self.layer_scores, scores, own=own)
        columns.append(_smoothed_ranks(self.combined, statistic, uniforms, own=1 - own))
        return np.column_stack(columns)


def _fisher(reference: Array, scores: Array, *, own: int = 0) -> Array:
    """Return ``-sum log p`` over layers; p = (1 + how many reach s) / (n + 1)."""
    n = len(reference)
    total = np.zeros(len(scores))
    for m in range(scores.shape[1]):
        reaching = n - np.searchsorted(reference[:, m], scores[:, m], side="left")
        total -= np.log((1 + reaching - own) / (n + 1 - own))
    return total


def _smoothed_ranks(reference: Array, scores: Array, uniforms: Array, *, own: int = 0) -> Array:
    n = len(reference)
    above = n - np.searchsorted(reference, scores, side="right")
    tied = n - above - np.searchsorted(reference, scores, side="left")
    return (above + uniforms * (1 + tied - own)) / (n + 1 - own)
