"""Predicted classes and their confidence in memory, by segment and window, until a flush takes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from driftgauge.detector import p_value_bins
from driftgauge.storage import CLASSES, CONFIDENCE, N_BINS, N_CLASSES, WindowRecord

from ..events.event import Event
from ..events.segment import PREDICTED_CLASS
from .windows import window_start


@dataclass(slots=True)
class _Row:
    """One histogram of a segment's window."""

    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(N_BINS, np.int64))
    score_sum: float = 0.0
    score_max: float = 0.0

    def add(self, bin_number: int, confidence: float) -> None:
        self.counts[bin_number] += 1
        self.score_sum += confidence
        self.score_max = max(self.score_max, confidence)


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


def doubt_bin(confidence: float) -> int:
    """Return the bin of 1 - *confidence*.

    >>> doubt_bin(1.0), doubt_bin(0.97), doubt_bin(0.2)
    (0, 6, 14)
    """
    return int(p_value_bins(np.array([1.0 - confidence]))[0])


class LabelCounts:
    """Counts between two flushes. A detector whose reference had no classes counts none.

    Args:
        classes: as `ClassSlots` takes them.
        window_seconds: of a window.
    """

    def __init__(self, classes: Sequence[str], *, window_seconds: int) -> None:
        self._slots = ClassSlots(classes)
        self._window_seconds = window_seconds
        self._rows: dict[tuple[str, str, datetime], _Row] = {}

    def add(
        self,
        events: Sequence[Event],
        segments: Sequence[Iterable[str]],
        classes: Sequence[str | None],
        confidences: NDArray[np.float64] | None,
    ) -> None:
        """Count a batch.

        Args:
            events: that were scored.
            segments: the names that each counts under; the segments of a class count no classes.
            classes: that were predicted, None where that is not known.
            confidences: of the predictions, 0 to 1; NaN where one is not known.
        """
        if not self._slots:
            return
        for row, (event, names, said) in enumerate(zip(events, segments, classes, strict=True)):
            if said is None:
                continue
            start = window_start(event.event_time, self._window_seconds)
            sure = float("nan") if confidences is None else float(confidences[row])
            for name in names:
                if not is_of_class(name):
                    self._count(name, start, self._slots.of(said), sure)

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

    def _count(self, segment: str, start: datetime, slot: int, sure: float) -> None:
        self._rows.setdefault((segment, CLASSES, start), _Row()).add(slot, 0.0)
        if not np.isnan(sure):
            row = self._rows.setdefault((segment, CONFIDENCE, start), _Row())
            row.add(doubt_bin(sure), sure)
