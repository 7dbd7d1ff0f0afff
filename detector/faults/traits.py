"""What is looked at to name a fault: the statistics of pictures, and how unusual each layer found them."""

from __future__ import annotations

from dataclasses import dataclass

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
    """

    pixels: Array
    p_values: Array

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.pixels)

    @property
    def numbers(self) -> Array:
        """``(n, statistics + layers)``: the statistics, then each layer's surprise."""
        surprise = np.minimum(-np.log(np.maximum(self.p_values, 1e-12)), MOST_SURPRISE)
        return np.concatenate([self.pixels, surprise], axis=1).astype(np.float64)
