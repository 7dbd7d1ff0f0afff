"""How neighbouring pixels differ: what noise, blur and compression change.

Arrays have the axes ``(pictures, rows, tiles, columns)``. Levels are whole numbers, quarters of a
grey level, so that all sums are exact; what is halved counts in quarters of these.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .sampling import BLOCK

Levels = NDArray[np.int16]
Floats = NDArray[np.float64]

QUARTERS = 4
"""Units of light in a grey level."""
MOST_LEVELS = 255 * QUARTERS + 1
"""Levels of light, and sizes of steps in it."""
N_BANDS = 3
FAINT = 0.05
"""Grey levels that are added before a logarithm: what is far below makes no difference."""
RARE = 1e-3
_OF_STEPS = (0.5, 0.95)


def neighbour_statistics(rgb: Levels) -> list[Floats]:
    """Return what neighbouring pixels show, each ``(pictures,)``.

    Args:
        rgb: tiles in full resolution, ``(pictures, 3, rows, tiles, columns)``.
    """
    light = light_of(rgb)
    across, down = steps_across(light), steps_down(light)
    seconds = [_size(steps_across(across)), _size(steps_down(down))]
    found = [*band_statistics(light), *seconds]
    sizes = np.abs(across, out=across), np.abs(down, out=down)
    found += [log_level(level) for level in quantiles(count_levels(across), _OF_STEPS)]
    found += [_equal(steps) for steps in sizes]
    found += [_blocks(across, (1, 2)), _blocks(down, (2, 3))]
    chroma = (steps_across(rgb[:, channel] - rgb[:, 1]) for channel in (0, 2))
    return [*found, *(_size(steps, units=1) for steps in chroma)]


def light_of(rgb: Levels) -> Levels:
    """Return r + 2 g + b: light in quarters of a grey level."""
    light: Levels = rgb[:, 0] + rgb[:, 2]
    light += rgb[:, 1]
    light += rgb[:, 1]
    return light


def band_statistics(light: Levels) -> list[Floats]:
    """Return how neighbours differ, across and down, in *light* and in it halved and halved again."""
    found = []
    for band in range(N_BANDS):
        light = _halved(light) if band else light
        units = QUARTERS * 4**band
        found += [_size(steps_across(light), units), _size(steps_down(light), units)]
    return found


def steps_across(levels: Levels) -> Levels:
    """Return what is added from each column to the next."""
    return levels[..., 1:] - levels[..., :-1]


def steps_down(levels: Levels) -> Levels:
    """Return what is added from each row to the next."""
    return levels[:, 1:] - levels[:, :-1]


def count_levels(levels: Levels) -> NDArray[np.int64]:
    """Return how often each picture has each level from 0 on, ``(pictures, MOST_LEVELS)``."""
    return np.stack([np.bincount(one.ravel(), minlength=MOST_LEVELS) for one in levels])


def quantiles(counts: NDArray[np.int64], which: tuple[float, ...]) -> Floats:
    """Return grey levels from counts of quarters, ``(quantiles, pictures)``; 0 where nothing is counted."""
    n = int(counts[0].sum())
    if not n:
        return np.zeros((len(which), len(counts)))
    ranks = np.array([int(quantile * (n - 1)) for quantile in which])
    found = [below.searchsorted(ranks, side="right") for below in counts.cumsum(axis=1)]
    return np.stack(found, axis=1) / QUARTERS


def log_level(levels: Floats) -> Floats:
    """Return the logarithm of grey levels."""
    return np.log(levels + FAINT)


def log_share(counts: NDArray[np.int64], n: int) -> Floats:
    """Return the logarithm of the share that *counts* are of *n*."""
    return np.log(counts / n + RARE) if n else np.zeros(len(counts))


def total(levels: NDArray[np.int16 | np.uint16], axis: int | tuple[int, ...]) -> NDArray[np.int64]:
    """Return exact sums; of no more numbers than a sample's plane has, or their squares, 32 bits hold them."""
    sums: NDArray[np.int32] = np.add.reduce(levels, axis=axis, dtype=np.int32)
    return sums.astype(np.int64)


def _size(steps: Levels, units: int = QUARTERS) -> Floats:
    """Return the logarithm of how large *steps* are, which are overwritten."""
    n = steps[0].size * units
    sums = total(np.abs(steps, out=steps).reshape(len(steps), -1), axis=1)
    return log_level(sums / max(n, 1))


def _equal(steps: Levels) -> Floats:
    """Return the logarithm of the share of neighbours that do not differ."""
    n = steps[0].size
    return log_share(n - np.array([np.count_nonzero(one) for one in steps]), n)


def _halved(light: Levels) -> Levels:
    """Return sums of two by two pixels, which have quarters of the units."""
    height, width = (light.shape[axis] // 2 * 2 for axis in (1, 3))
    if not height or not width:
        return light * np.int16(4)
    pairs = light[:, :height:2, :, :width] + light[:, 1:height:2, :, :width]
    return pairs[..., ::2] + pairs[..., 1::2]


def _blocks(steps: Levels, others: tuple[int, int]) -> Floats:
    """Return how much larger steps are at blocks' edges than within blocks, a logarithm.

    Args:
        steps: absolute, from each pixel to the next along the axis that is not among *others*.
    """
    along = total(steps, axis=others)
    length = along.shape[1]
    if length < BLOCK:
        return np.zeros(len(along))
    edges = along[:, BLOCK - 1 :: BLOCK]
    n_edges, at_edges = edges.shape[1], edges.sum(axis=1)
    units = QUARTERS * (steps[0].size // length)
    within = (along.sum(axis=1) - at_edges) / (length - n_edges) / units
    return log_level(at_edges / n_edges / units) - log_level(within)
