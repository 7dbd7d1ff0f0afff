"""Windows in memory: how many p-values of each segment and layer fell into each bin.

Counts only add, so what is flushed from here sums with what other agents and earlier flushes wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from driftgauge.detector import p_value_bins
from driftgauge.storage import DEFAULT_ALPHA, N_BINS, WindowRecord, n_ood_bins

from ..errors import ScorerFault
from ..events.event import Event
from ..ports import Scored
from .window_rows import WindowRows


def bin_indexes(p_values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the bin of each p-value; bin b holds p in ``(EDGES[b], EDGES[b + 1]]``.

    Raises:
        ScorerFault: a p-value is outside (0, 1] or not a number.
    """
    if not ((p_values > 0) & (p_values <= 1)).all():
        bad = p_values[~((p_values > 0) & (p_values <= 1))]
        raise ScorerFault(f"{bad.size} p-values are not in (0, 1], such as {bad.flat[0]}")
    return p_value_bins(p_values)


@dataclass(slots=True)
class _Cell:
    """One segment's window, all columns together."""

    counts: NDArray[np.int64]
    score_sum: NDArray[np.float64]
    score_max: NDArray[np.float64]
    left_out: int
    left_out_ood: NDArray[np.int64]

    @classmethod
    def empty(cls, n: int) -> _Cell:
        return cls(
            np.zeros((n, N_BINS), np.int64),
            np.zeros(n),
            np.full(n, -np.inf),
            0,
            np.zeros(n, np.int64),
        )

    def add(
        self,
        bins: NDArray[np.int64],
        scores: NDArray[np.float64],
        left_out: NDArray[np.int64],
        *,
        ood_bins: int,
    ) -> None:
        """Count events; *bins* and *scores* are ``(events, columns)``, *left_out* ``(events,)``."""
        cells = bins + N_BINS * np.arange(bins.shape[1])
        counts = np.bincount(cells.ravel(), minlength=self.counts.size)
        self.counts += counts.reshape(self.counts.shape)
        self.score_sum += scores.sum(axis=0)
        np.maximum(self.score_max, scores.max(axis=0), out=self.score_max)
        self.left_out += int(left_out.sum())
        self.left_out_ood += left_out @ (bins < ood_bins)


class WindowCounts:
    """Counts between two flushes.

    Args:
        columns: the score columns' names: the layers, then ``*``.
        alpha: an event with a p-value of at most this is out of distribution.
    """

    def __init__(self, columns: Sequence[str], *, alpha: float = DEFAULT_ALPHA) -> None:
        self._columns = tuple(columns)
        self._ood_bins = n_ood_bins(alpha)
        self._cells: dict[tuple[str, datetime], _Cell] = {}
        self.n_events = 0

    def add(self, events: Sequence[Event], rows: WindowRows, scored: Scored) -> None:
        """Count a batch.

        Args:
            events: of the batch.
            rows: those that each segment's window holds.
            scored: the batch.

        Raises:
            ScorerFault: a value is not a p-value; then nothing is counted.
        """
        bins = bin_indexes(scored.p_values)
        left_out = np.array([event.represents - 1 for event in events], np.int64)
        for key, chosen in rows.items():
            cell = self._cells.setdefault(key, _Cell.empty(len(self._columns)))
            cell.add(bins[chosen], scored.scores[chosen], left_out[chosen], ood_bins=self._ood_bins)
        self.n_events += len(events)

    def records(self) -> list[WindowRecord]:
        """Return one record for each segment, window and column."""
        return [
            WindowRecord(
                segment=segment,
                layer=layer,
                window_start=start,
                counts=tuple(cell.counts[column].tolist()),
                score_sum=float(cell.score_sum[column]),
                score_max=float(cell.score_max[column]),
                left_out=cell.left_out,
                left_out_ood=int(cell.left_out_ood[column]),
            )
            for (segment, start), cell in self._cells.items()
            for column, layer in enumerate(self._columns)
        ]

    def clear(self) -> None:
        """Forget all counts."""
        self._cells.clear()
        self.n_events = 0
