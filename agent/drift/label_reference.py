"""What a segment's reference windows show of the model's predictions."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from .design_effect import Array, Counts, measure_design_effects
from .likeness import MOST_LIKENESS, likeness_of, window_likeness

MIN_WINDOWS = 8
MIN_EFFECTIVE_WINDOWS = 6.0
NOTABLE_SHARE = 0.02
"""Classes with a smaller share say nothing of how alike neighbouring windows are."""


class ReferenceLabels:
    """Predictions in the reference windows of one segment.

    Args:
        windows: ``(windows, 2, bins)`` in time order: classes, and 1 - confidence.
    """

    def __init__(self, windows: Counts) -> None:
        self.windows = windows

    @cached_property
    def held_windows(self) -> Counts:
        """The windows in which a class is known."""
        found: Counts = self.windows[self.windows[:, 0].sum(axis=-1) > 0]
        return found

    @cached_property
    def sure_windows(self) -> Counts:
        """Those in which a confidence is known, ``(windows, bins)``."""
        sure = self.windows[:, 1]
        found: Counts = sure[sure.sum(axis=-1) > 0]
        return found

    @cached_property
    def inflation(self) -> Array:
        """By how much neighbouring windows that are alike inflate a mean's variance, of both rows."""
        alike = np.array([self._class_likeness(), window_likeness(self.windows[:, 1])])
        if not len(self.sure_windows):
            alike[1] = alike[0]
        inflation: Array = (1.0 + alike) / (1.0 - alike)
        return inflation

    @property
    def effective_windows(self) -> float:
        """How many independent windows the classes are worth."""
        return len(self.held_windows) / float(self.inflation[0])

    @property
    def stands_alone(self) -> bool:
        """Whether there are enough of them to test others against."""
        return (
            len(self.held_windows) >= MIN_WINDOWS
            and self.effective_windows >= MIN_EFFECTIVE_WINDOWS
        )

    @cached_property
    def design_effects(self) -> list[float]:
        """Of both rows: the mean over bins, weighted by how much each varies."""
        return [_design_effect(self.windows[:, row]) for row in range(self.windows.shape[1])]

    def _class_likeness(self) -> float:
        """Return the likeness of neighbouring windows' shares, weighted by how much each varies."""
        windows = self.held_windows[:, 0]
        if not len(windows):
            return MOST_LIKENESS
        events = windows.sum(axis=-1)
        shares = windows.sum(axis=0) / events.sum()
        variances = shares * (1.0 - shares)
        told = np.flatnonzero(variances >= NOTABLE_SHARE * (1.0 - NOTABLE_SHARE))
        if not len(told):
            return 0.0  # one class alone, always
        typical = int(np.median(events))
        found = [
            likeness_of(windows[:, bin_] / events, events=typical, event_variance=variances[bin_])
            for bin_ in told
        ]
        return float(np.average(found, weights=variances[told]))


def _design_effect(windows: Counts) -> float:
    held = windows[windows.sum(axis=-1) > 0]
    if not len(held):
        return 1.0
    shares = held.sum(axis=0) / held.sum()
    effects = measure_design_effects(held.astype(float), shares, np.eye(len(shares)))
    weights = shares * (1.0 - shares)
    if not weights.any():
        return 1.0
    return float(np.average(effects.estimate, weights=weights))
