"""When a change began: the most likely window, given that what came before was as the baseline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from ..alert.surprise import bin_surprise
from .design_effect import Array, Counts

LONGEST_LOOK_BACK = 300
"""Windows before an alarm in which the beginning of the change is looked for."""

FIRST_LOOK_BACK, WIDER = 8, 4
LEAST_WINDOWS = 4

ReadLast = Callable[[int], tuple[Sequence[datetime], Counts]]
"""Starts and counts ``(windows, columns, bins)`` of the last so many windows, in order of time."""


def look_back(
    read: ReadLast, components: Counts, n_evident: int, columns: slice = slice(None)
) -> tuple[datetime, Counts]:
    """Return when the change began that the last window shows, and what was counted since.

    It reads few windows first, and more only while the change fills more than half of them: a thousand
    cameras that fail at once cost a few windows each.

    Args:
        read: reads the last windows.
        components: ``(components, columns, bins)`` counts of the baseline.
        n_evident: windows since the evidence began to grow.
        columns: that show the change.
    """
    most, n_windows = min(n_evident, LONGEST_LOOK_BACK), FIRST_LOOK_BACK
    while True:
        starts, windows = read(min(n_windows, most))
        first = onset(windows[:, columns], components[:, columns])
        is_inside = len(windows) >= LEAST_WINDOWS and first >= len(windows) // 2
        if is_inside or n_windows >= most:
            since: Counts = windows[first:].sum(axis=0)
            return starts[first], since
        n_windows *= WIDER


def onset(windows: Counts, components: Counts) -> int:
    """Return the index of the first window of the change that the last one shows.

    The maximum-likelihood estimate for one step of the columns' mean of -log p, from the baseline's known
    mean: the suffix whose sum of deviations, squared, is largest for its number of events. Evidence that
    an alarm adds up has no such maximum: it creeps upward, and begins long before the change. Each window is
    compared with the component that it deviates from least.

    Args:
        windows: ``(windows, columns, bins)`` counts in time order, the last is the one that alarmed.
        components: ``(components, columns, bins)`` counts of the baseline.
    """
    events = windows.sum(axis=2)
    deviations = np.stack([_deviation(windows, events, each) for each in components])
    nearest = (deviations**2).sum(axis=2).argmin(axis=0)
    deviation = deviations[nearest, np.arange(len(windows))]
    total = np.cumsum(deviation[::-1], axis=0)[::-1]
    many = np.maximum(np.cumsum(events[::-1], axis=0)[::-1], 1)
    return int(np.argmax((total**2 / many).sum(axis=1)))


def _deviation(windows: Counts, events: Counts, reference: Counts) -> Array:
    """Return by how many deviations of an event each window's sum of -log p is off, ``(windows, columns)``."""
    surprise = bin_surprise()
    mean, spread = _moments(reference, surprise)
    deviation: Array = (windows @ surprise - events * mean) / spread
    return deviation


def _moments(reference: Counts, surprise: NDArray[np.float64]) -> tuple[Array, Array]:
    shares = reference / np.maximum(reference.sum(axis=1, keepdims=True), 1)
    mean = shares @ surprise
    variance = shares @ surprise**2 - mean**2
    return mean, np.sqrt(np.maximum(variance, 1e-6))
