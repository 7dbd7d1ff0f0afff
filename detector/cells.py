"""Light and contrast of a picture's parts: what naming a fault compares place by place.

Dirt and drops are local, and where they lie says nothing. So the change of each cell is looked at in order of
its size: one cell that darkens by much while the others stay shows, wherever it is.
"""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Levels = NDArray[np.int16]
Floats = NDArray[np.float64]

CELLS = "pixels~cells"
"""Name that each cell's light and contrast have among taps; no detector scores them."""
A_SIDE = 4
N_CELLS = A_SIDE**2
CELL_NUMBERS = 2 * N_CELLS
"""Numbers of a picture: the light of each cell, row by row, and then the contrast of each."""
_SPREAD = np.arange(A_SIDE)


def cell_means(levels: Levels, width: int) -> Floats:
    """Return the mean of each cell, ``(pictures, rows, columns)``; a small picture has fewer cells.

    Args:
        levels: ``(pictures, height, width)``, of pixels, or of steps from a pixel to the next one across, one
            fewer. A step from one cell to the next is in neither.
        width: of the pictures.
    """
    heights, widths = _cuts(levels.shape[1]), _cuts(width)
    fewer = width - levels.shape[2]
    rows = [np.add.reduce(levels[:, top:end], axis=1, dtype=np.int32) for top, end in heights]
    cells = [np.stack(rows, axis=1)[..., left : end - fewer].sum(axis=2) for left, end in widths]
    n_places = [
        [(end - top) * max(right - left - fewer, 1) for left, right in widths]
        for top, end in heights
    ]
    return np.stack(cells, axis=2) / np.array(n_places)


def all_cells(numbers: Floats) -> Floats:
    """Return the number of each of `N_CELLS`, ``(pictures, N_CELLS)``; a small picture's are repeated."""
    rows, columns = (_SPREAD * side // A_SIDE for side in numbers.shape[1:])
    return numbers[:, rows][:, :, columns].reshape(len(numbers), -1)


@lru_cache(maxsize=64)
def _cuts(side: int) -> tuple[tuple[int, int], ...]:
    """Return where each of `A_SIDE` cells along a side begins and ends; as `numpy.array_split`."""
    n = min(A_SIDE, side)
    ends = np.cumsum([side // n + (place < side % n) for place in range(n)]).tolist()
    return tuple(itertools.pairwise([0, *ends]))
