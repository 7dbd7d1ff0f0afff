"""Running statistics of raw scores since the agent started, by river.

The windows hold sums, extremes and counts of p-values, each of its own span and segment. What they cannot
give is a quantile of raw scores over all of a run: that needs every score, or a summary that is
updated online, which is what river is for. Mean, variance and extremes of the same run stand beside
it, by river too, so that a summary is of one span and nothing here is computed by hand.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from river import stats  # noqa: TID251 - river's running statistics are used here only

from driftgauge.storage import ScoreSummary


class ScoreStatistics:
    """Mean, variance, extremes and quantiles of each column, in constant memory.

    They see an event again that is read again after a crash or a stale flush: they are for people
    to look at, and no test stands on them.

    Args:
        columns: the score columns' names: the layers, then ``*``.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._layers = [_Layer(name) for name in columns]

    def update(self, scores: NDArray[np.float64]) -> None:
        """Take in ``(events, columns)``."""
        for layer, column in zip(self._layers, scores.T.tolist(), strict=True):
            layer.update(column)

    def summaries(self) -> list[ScoreSummary]:
        """Return one summary a column, none before the first event."""
        return [layer.summary() for layer in self._layers if layer.n_events]


class _Layer:
    def __init__(self, name: str) -> None:
        self._name = name
        self._mean = stats.Mean()
        self._variance = stats.Var()
        self._minimum = stats.Min()
        self._maximum = stats.Max()
        self._quantiles = [stats.Quantile(q) for q in (0.05, 0.5, 0.95)]
        self.n_events = 0

    def update(self, scores: Sequence[float]) -> None:
        together = np.asarray(scores)
        self._mean.update_many(together)
        self._variance.update_many(together)
        self._minimum.update(min(scores))
        self._maximum.update(max(scores))
        for quantile in self._quantiles:
            for score in scores:
                quantile.update(score)
        self.n_events += len(scores)

    def summary(self) -> ScoreSummary:
        p05, p50, p95 = (float(quantile.get()) for quantile in self._quantiles)
        return ScoreSummary(
            layer=self._name,
            events=self.n_events,
            mean=float(self._mean.get()),
            variance=float(self._variance.get()),
            minimum=float(self._minimum.get()),
            maximum=float(self._maximum.get()),
            p05=p05,
            p50=p50,
            p95=p95,
        )
