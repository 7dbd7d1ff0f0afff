"""Predicted classes and their confidence in memory, by segment and window, until a flush takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from driftgauge.detector import p_value_bins
from driftgauge.storage import CLASSES, CONFIDENCE, N_BINS, N_CLASSES, WindowRecord

from ..events.segment import PREDICTED_CLASS
from .window_rows import WindowRows

_UNKNOWN = -1
"""In the place of the bin of a class that was not told."""


@dataclass(slots=True)
class _Row:
    """One histogram of a segment's window."""

    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(N_BINS, np.int64))
    score_sum: float = 0.0
    score_max: float = 0.0

    def add(self, bins: NDArray[np.int64], confidences: NDArray[np.float64] | None = None) -> None:
        """Count events; *bins* and *confidences* are ``(events,)``."""
        self.counts += np.bincount(bins, minlength=N_BINS)
        if confidences is not None:
            self.score_sum += float(confidences.sum())
            self.score_max = max(self.score_max, float(confidences.max()))


class ClassSlots:
    """Which bin counts which class.

    Args:
        classes: of the detector's reference, in the order of their bins; the rest share the last bin.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self._slots = {name: slot for slot, name in enumerate(classes[:N_CLASSES])}

    def __bool__(self) -> bool:
        """Return whether classes are counted at all."""
        return bool(self._slots)

    def of(self, name: str) -> int:
        """Return the bin of a class."""
        return self._slots.get(name, N_CLASSES)


def is_of_class(segment: str) -> bool:
    """Return whether a segment holds one class by what it is, so that its classes say nothing."""
    return segment.startswith(f"{PREDICTED_CLASS}=")


def doubt_bins(confidences: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the bin of 1 - each of *confidences*.

    >>> doubt_bins(np.array([1.0, 0.97, 0.2])).tolist()
    [0, 6, 14]
    """
    return p_value_bins(1.0 - confidences)


class LabelCounts:
    """Counts between two flushes. A detector whose reference had no classes counts none.

    Args:
        classes: as `ClassSlots` takes them.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self._slots = ClassSlots(classes)
        self._rows: dict[tuple[str, str, datetime], _Row] = {}

    def add(
        self,
        rows: WindowRows,
        classes: Sequence[str | None],
        confidences: NDArray[np.float64] | None,
    ) -> None:
        """Count a batch.

        Args:
            rows: those that each segment's window holds; the segments of a class count no classes.
            classes: that were predicted, None where that is not known.
            confidences: of the predictions, 0 to 1; NaN where one is not known.
        """
        if not self._slots:
            return
        slots = np.array([_UNKNOWN if said is None else self._slots.of(said) for said in classes])
        sure = np.full(len(classes), np.nan) if confidences is None else confidences
        for key, own in rows.items():
            if not is_of_class(key[0]):
                self._count(key, slots[own], sure[own])

    def records(self) -> list[WindowRecord]:
        """Return a record for each segment, window and kind of count."""
        return [
            WindowRecord(
                segment=segment,
                layer=layer,
                window_start=start,
                counts=tuple(row.counts.tolist()),
                score_sum=row.score_sum,
                score_max=row.score_max,
            )
            for (segment, layer, start), row in self._rows.items()
        ]

    def clear(self) -> None:
        """Forget all counts."""
        self._rows.clear()

    def _count(
        self, key: tuple[str, datetime], slots: NDArray[np.int64], sure: NDArray[np.float64]
    ) -> None:
        """Count the events of one segment's window whose class is known."""
        segment, start = key
        is_known = slots != _UNKNOWN
        if is_known.any():
            self._rows.setdefault((segment, CLASSES, start), _Row()).add(slots[is_known])
        told = sure[is_known & ~np.isnan(sure)]
        if told.size:
            row = self._rows.setdefault((segment, CONFIDENCE, start), _Row())
            row.add(doubt_bins(told), told)
