"""Which layers changed, how far and in which direction; from counts, so a restart changes nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .surprise import bin_surprise

Counts = NDArray[np.int64]

NOTABLE = 3.0
"""A layer has changed when its mean is this many standard errors from its baseline."""

STUCK_SHARE = 0.8
LOOSE_SHARE = 0.7
MIN_STUCK_EVENTS = 8
EARLY, LATE = 1 / 3, 2 / 3
PICTURE = "picture"
PIXELS = "pixels"
"""As the detector calls the statistics of pixels; its package, with torch, is not loaded for it."""


@dataclass(frozen=True, slots=True)
class LayerMovement:
    """How one layer's p-values differ from the segment's normal.

    Attributes:
        depth: ``early``, ``middle`` or ``late`` in the model; ``picture`` of the pixels before it.
        distance: of the mean of -log p, in standard errors; above zero is more unusual. It says how
            sure the movement is.
        size: the same in deviations that single images of the segment have by nature: it says how far
            the layer moved, beside others that vary more or less, and whose neighbours are more alike.
        share: of all layers' sizes, 0 to 1.
    """

    layer: str
    depth: str
    distance: float
    size: float
    share: float

    @property
    def direction(self) -> str:
        """``unusual``, or ``too usual`` where scores are lower than the reference's."""
        return "unusual" if self.distance > 0 else "too usual"


def layer_movements(
    layers: Sequence[str], reference: Counts, counts: Counts, design_effects: Sequence[float]
) -> list[LayerMovement]:
    """Return how far every layer changed, the largest first.

    Args:
        layers: names, in the order of the columns; a last combined column is left out.
        reference: ``(columns, bins)`` counts of the segment's normal.
        counts: ``(columns, bins)`` counts since the change.
        design_effects: a column's variance inflation by the correlation of neighbouring events.
    """
    surprise = bin_surprise()
    found = []
    for column in range(len(layers)):
        mean, spread = _moments(reference[column], surprise)
        now, _ = _moments(counts[column], surprise)
        error = spread * np.sqrt(design_effects[column] / max(int(counts[column].sum()), 1))
        found.append(((now - mean) / max(error, 1e-9), (now - mean) / max(spread, 1e-9)))
    total = sum(abs(size) for _, size in found) or 1.0
    depths = _depths(layers)
    moved = [
        LayerMovement(layer, depths[layer], float(distance), float(size), abs(size) / total)
        for layer, (distance, size) in zip(layers, found, strict=True)
    ]
    return sorted(moved, key=lambda layer: -abs(layer.size))


def is_stuck(reference: Counts, window: Counts) -> bool:
    """Return whether a window repeats one p-value in every column, where the reference does not.

    A frozen picture does: the same bytes have the same scores.
    """
    if window[0].sum() < MIN_STUCK_EVENTS:
        return False
    now = window.max(axis=1) / window.sum(axis=1)
    normal = reference.max(axis=1) / np.maximum(reference.sum(axis=1), 1)
    return bool((now >= STUCK_SHARE).all() and (normal < LOOSE_SHARE).mean() >= 1 / 2)


def _moments(counts: Counts, values: NDArray[np.float64]) -> tuple[float, float]:
    shares = counts / max(int(counts.sum()), 1)
    mean = float(shares @ values)
    return mean, math.sqrt(max(float(shares @ values**2) - mean**2, 1e-12))


def _depths(layers: Sequence[str]) -> dict[str, str]:
    """Return where in the model each layer lies; the picture's statistics lie before it."""
    own = [layer for layer in layers if layer != PIXELS]
    depths = {layer: _depth(number, len(own)) for number, layer in enumerate(own)}
    return {layer: depths.get(layer, PICTURE) for layer in layers}


def _depth(number: int, n_layers: int) -> str:
    place = (number + 0.5) / n_layers
    if place < EARLY:
        return "early"
    return "late" if place > LATE else "middle"
