"""What lies on the lens or hangs before it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .drawing import Draw, Image, Numbers, blurred, log_uniform, mirrored, mixed, spots

_COLOURED, _DARK = 0.3, 0.7
"""Of covers, the share of any colour, and of the others the share that is dark grey."""


def covered(image: Image, draw: Draw) -> Image:
    """Cover a third of the picture to all of it with one flat colour."""
    height, width = image.shape[:2]
    grain = draw.standard_normal((height, width, 1)) * draw.uniform(0.3, 2.0)
    cover = _colour(image, draw) + grain
    return mixed(image, cover, _sheet(image, draw))


def dirt(image: Image, draw: Draw) -> Image:
    """Put soft dark spots on the lens, half transparent."""
    n, softness = int(draw.integers(2, 7)), draw.uniform(0.3, 0.6)
    mask = spots(image.shape[:2], draw, n=n, radii=(0.05, 0.18), softness=softness)
    brown = draw.uniform(20, 90) * np.array([1.1, 1.0, 0.85])
    return mixed(image, brown, mask * np.float32(draw.uniform(0.35, 0.9)))


def water_drops(image: Image, draw: Draw) -> Image:
    """Put drops on the lens: each bends, blurs and brightens what is behind it."""
    n, softness = int(draw.integers(6, 30)), draw.uniform(0.1, 0.3)
    mask = spots(image.shape[:2], draw, n=n, radii=(0.04, 0.14), softness=softness)
    behind = _bent(image, draw) * draw.uniform(0.85, 1.15) + draw.uniform(-10, 25)
    return mixed(image, behind, mask * np.float32(draw.uniform(0.7, 1.0)))


def _colour(image: Image, draw: Draw) -> Numbers:
    chance = draw.random()
    if chance < _COLOURED:
        return np.asarray(draw.uniform(0, 255, 3), np.float32)
    if chance < _COLOURED + (1 - _COLOURED) * _DARK:
        return np.full(3, draw.uniform(0, 90), np.float32)
    return np.asarray(image.reshape(-1, 3).mean(axis=0), np.float32)


def _sheet(image: Image, draw: Draw) -> Numbers:
    """Return the mask of a rectangle with a soft edge."""
    height, width = image.shape[:2]
    side = math.sqrt(draw.uniform(0.3, 1.1))
    high = min(height, max(round(height * side * log_uniform(draw, 0.67, 1.5)), 1))
    wide = min(width, max(round(width * side * log_uniform(draw, 0.67, 1.5)), 1))
    top = int(draw.integers(0, height - high + 1))
    left = int(draw.integers(0, width - wide + 1))
    mask = np.zeros((height, width), np.uint8)
    mask[top : top + high, left : left + wide] = 255
    soft = blurred(mask, draw.uniform(0, 0.04) * min(height, width))
    opacity: Numbers = soft.astype(np.float32) / np.float32(255)
    return opacity


def _bent(image: Image, draw: Draw) -> Numbers:
    """Return the picture as it is seen through uneven water."""
    height, width = image.shape[:2]
    side = min(height, width)
    soft = blurred(image, draw.uniform(0.015, 0.04) * side).astype(np.float32)
    rows, columns = np.mgrid[:height, :width]

    def waves(along: NDArray[np.int64]) -> NDArray[np.int64]:
        angle = along / side * draw.uniform(8, 25) + draw.uniform(0, 2 * math.pi)
        wave: NDArray[np.int64] = np.rint(0.08 * side * np.sin(angle)).astype(np.int64)
        return wave

    down = mirrored(rows + waves(columns), height)
    right = mirrored(columns + waves(rows), width)
    return soft[down, right]
