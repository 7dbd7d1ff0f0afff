"""One segment's reference windows, and what several tests measure on them."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .bets import RawBets, SegmentBets
from .design_effect import Array, Counts, DesignEffect
from .label_reference import ReferenceLabels
from .likeness import variance_inflation

MIN_WINDOWS = 8
MIN_EFFECTIVE_WINDOWS = 6.0


class ReferenceWindows:
    """Reference windows of one segment.

    Args:
        windows: ``(windows, columns, bins)`` counts in time order; the last column is the combined
            p-value.
        component_of: number of each window's component (`components`); None where there is one.
        labels: ``(windows, 2, bins)``, the model's predictions in them; None where they are not judged.
    """

    def __init__(
        self,
        windows: Counts,
        component_of: NDArray[np.int8] | None = None,
        labels: Counts | None = None,
    ) -> None:
        self.windows = windows
        self._component_of = component_of
        self._labels = labels

    @cached_property
    def labels(self) -> ReferenceLabels | None:
        """The model's predictions; None where they are not judged."""
        return None if self._labels is None else ReferenceLabels(self._labels)

    @property
    def n_columns(self) -> int:
        """Layers, and one for the combined p-value."""
        return int(self.windows.shape[1])

    @property
    def events(self) -> int:
        """Events counted."""
        return int(self.windows[:, -1].sum())

    @cached_property
    def components(self) -> tuple[ReferenceWindows, ...]:
        """The windows of each component."""
        of = self._component_of
        if of is None or not of.any():
            return (self,)
        return tuple(self._part(of == n) for n in range(int(of.max()) + 1))

    @property
    def stands_alone(self) -> bool:
        """Whether these windows are enough to test another against."""
        return (
            len(self.held_windows) >= MIN_WINDOWS
            and self.effective_windows >= MIN_EFFECTIVE_WINDOWS
        )

    @cached_property
    def bets(self) -> tuple[SegmentBets, ...]:
        """Bets against each column; none is taken to be less correlated than the median column."""
        columns = [RawBets.of(column) for column in self._columns()]
        alone = [column.effects.typical for column in columns]
        shared = DesignEffect(
            float(np.median([effect.estimate for effect in alone])),
            float(np.median([effect.bound for effect in alone])),
        )
        return tuple(column.build(shared) for column in columns)

    @property
    def design_effects(self) -> list[float]:
        """Each column's design effect, at the typical bet."""
        return [column.typical.estimate for column in self.bets]

    @property
    def effective_events(self) -> float:
        """The effective sample size, at the median column."""
        return float(np.median([column.effective_events for column in self.bets]))

    @cached_property
    def held_windows(self) -> Counts:
        """The windows that have events."""
        found: Counts = self.windows[self.windows[:, -1].sum(axis=-1) > 0]
        return found

    @cached_property
    def inflation(self) -> Array:
        """By how much windows that resemble their neighbours inflate a mean's variance, a column."""
        return variance_inflation(self.windows)

    @property
    def effective_windows(self) -> float:
        """How many independent windows the reference is worth, at the median column."""
        return len(self.held_windows) / float(np.median(self.inflation))

    def _part(self, which: NDArray[np.bool_]) -> ReferenceWindows:
        labels = None if self._labels is None else self._labels[which]
        return ReferenceWindows(self.windows[which], labels=labels)

    def _columns(self) -> list[Counts]:
        return [self.windows[:, number] for number in range(self.n_columns)]
