"""The pixels that a picture's statistics come from: the picture thinned, and tiles of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

TILE = 32
TILES = 3
"""Tiles across and down; their corners lie on JPEG's grid of 8 pixels."""
BLOCK = 8
THIN_SIDE = 96
"""Pixels of the thinned picture's longer side at most."""
WHOLE_SIDE = 96
"""A picture with no longer side is one tile."""


@dataclass(frozen=True, slots=True)
class PixelSample:
    """What is kept of a picture until its statistics are computed, at most 55 KB.

    Attributes:
        thinned: every so-many-th row and column, ``(3, rows, 1, columns)``, RGB.
        tiles: in full resolution, ``(3, rows, tiles, columns)``; a small picture is one.
    """

    thinned: Image
    tiles: Image

    @property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Pictures with the same shapes can be measured together."""
        return self.thinned.shape, self.tiles.shape

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return self.thinned.nbytes + self.tiles.nbytes


def sample_pixels(image: Image) -> PixelSample:
    """Return copies of the pixels that `measure_samples` needs; safe in every thread.

    Args:
        image: ``(height, width, 3)``, uint8, as it reached us: before any transform.
    """
    step = -(-max(image.shape[:2]) // THIN_SIDE)
    return PixelSample(_planes(image[::step, None, ::step]), _tiled(image))


def _tiled(image: Image) -> Image:
    height, width = image.shape[:2]
    if max(height, width) <= WHOLE_SIDE:
        return _planes(image[:, None])
    high, wide = min(TILE, height), min(TILE, width)
    tops, lefts = _corners(height, high), _corners(width, wide)
    tiles = [image[top : top + high, left : left + wide] for top in tops for left in lefts]
    return _planes(np.concatenate(tiles, axis=1).reshape(high, len(tiles), wide, 3))


def _corners(side: int, of_tile: int) -> list[int]:
    """Return where the tiles begin along a side of the picture."""
    return [(side - of_tile) * place // (TILES - 1) // BLOCK * BLOCK for place in range(TILES)]


def _planes(pixels: Image) -> Image:
    """Return the channels one after another in memory, a copy."""
    return np.moveaxis(pixels, -1, 0).copy()
