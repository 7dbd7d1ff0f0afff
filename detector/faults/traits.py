"""What is looked at to name a fault: the statistics of pictures, and how unusual each layer found them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MOST_SURPRISE = 7.0
"""-log p above it makes no difference: a small reference knows no smaller p."""


@dataclass(frozen=True, slots=True)
class Traits:
    """Of some pictures.

    Attributes:
        pixels: ``(n, statistics)`` as `measure_pixels` gives them.
        p_values: ``(n, layers)`` of the same pictures, without the combined column.
        cells: ``(n, CELL_NUMBERS)`` as `measure_picture` gives them; None where they are not known, as
            of kept taps.
    """

    pixels: Array
    p_values: Array
    cells: Array | None = None

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.pixels)

    @property
    def numbers(self) -> Array:
        """``(n, statistics + layers)``, and cells if known: the statistics, then each layer's surprise."""
        surprise = np.minimum(-np.log(np.maximum(self.p_values, 1e-12)), MOST_SURPRISE)
        known = [] if self.cells is None else [self.cells]
        return np.concatenate([self.pixels, surprise, *known], axis=1).astype(np.float64)

    def taken(self, rows: NDArray[np.int64]) -> Traits:
        """Return those of *rows*."""
        cells = None if self.cells is None else self.cells[rows]
        return Traits(self.pixels[rows], self.p_values[rows], cells)

    def without_cells(self) -> Traits:
        """Return them as where the cells are not known."""
        return replace(self, cells=None)
