"""Light and contrast of a picture's parts: what naming a fault compares place by place.

Dirt and drops are local, and where they lie says nothing. So the change of each cell is looked at in order of
its size: one cell that darkens by much while the others stay shows, wherever it is.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float32]
Indices = NDArray[np.int64]

CELLS = "pixels~cells"
"""Name that each cell's light and contrast have among taps; no detector scores them."""
A_SIDE = 4
N_CELLS = A_SIDE**2
CELL_NUMBERS = 2 * N_CELLS
"""Numbers of a picture: the light of each cell, row by row, and then the contrast of each."""
_SPREAD = np.arange(A_SIDE)


def cell_light(light: Numbers) -> Numbers:
    """Return the mean of each cell of *light*, ``(rows, columns)``; a small picture has fewer cells."""
    (rows, heights), (columns, widths) = map(_cuts, light.shape)
    means: Numbers = _sums(light, rows, columns) / (heights[:, None] * widths)
    return means


def cell_contrast(light: Numbers) -> Numbers:
    """Return the mean step from a pixel to the next one across within each cell, as `cell_light`."""
    (rows, heights), (columns, widths) = map(_cuts, light.shape)
    steps = np.zeros_like(light)
    np.abs(light[:, 1:] - light[:, :-1], out=steps[:, :-1])
    steps[:, columns + widths - 1] = 0.0  # from one cell to the next
    contrasts: Numbers = _sums(steps, rows, columns) / np.maximum(
        heights[:, None] * (widths - 1), 1
    )
    return contrasts


def all_cells(numbers: Numbers) -> Numbers:
    """Return the number of each of `N_CELLS`; a small picture's cells are repeated."""
    rows, columns = (_SPREAD * side // A_SIDE for side in numbers.shape)
    spread: Numbers = numbers[rows][:, columns].ravel()
    return spread


@lru_cache(maxsize=64)
def _cuts(side: int) -> tuple[Indices, Indices]:
    """Return where `A_SIDE` cells along a side begin, and how long each is; as `numpy.array_split`."""
    n = min(A_SIDE, side)
    lengths = np.full(n, side // n)
    lengths[: side % n] += 1
    return np.cumsum(lengths) - lengths, lengths


def _sums(values: Numbers, rows: Indices, columns: Indices) -> Numbers:
    """Return the sum of each cell, ``(rows, columns)``."""
    sums: Numbers = np.add.reduceat(np.add.reduceat(values, rows, axis=0), columns, axis=1)
    return sums
