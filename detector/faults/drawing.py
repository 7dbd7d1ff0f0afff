"""What the faults are made of: pixels as numbers, masks and mirrored pictures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Numbers = NDArray[np.float32]
Draw = np.random.Generator


def to_pixels(values: NDArray[Any]) -> Image:
    """Return *values* rounded and cut to 0..255."""
    pixels: Image = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return pixels


def log_uniform(draw: Draw, least: float, most: float) -> float:
    """Return a strength; each factor is as likely as any other."""
    return math.exp(draw.uniform(math.log(least), math.log(most)))


def blurred(image: Image, sigma: float) -> Image:
    """Return *image* after a Gaussian blur of *sigma* pixels."""
    from PIL import Image as Picture
    from PIL import ImageFilter

    return np.asarray(Picture.fromarray(image).filter(ImageFilter.GaussianBlur(sigma)))


def moved(image: Image, down: int, right: int) -> Image:
    """Return *image* moved; what comes in at the edges is its mirror image."""
    height, width = image.shape[:2]
    rows = mirrored(np.arange(height) + down, height)
    columns = mirrored(np.arange(width) + right, width)
    return image[rows][:, columns]


def mirrored(places: NDArray[Any], side: int) -> NDArray[np.int64]:
    """Return *places* outside ``0..side`` reflected into it."""
    folded = np.mod(places, 2 * side)
    found: NDArray[np.int64] = np.where(folded < side, folded, 2 * side - 1 - folded)
    return found


def mixed(image: Image, other: NDArray[Any], opacity: Numbers) -> Image:
    """Return *image* under *other*, which covers ``opacity``, ``(height, width)``, 0 to 1."""
    share = opacity[..., None]
    return to_pixels(image * (1 - share) + other * share)


def spots(
    size: tuple[int, int],
    draw: Draw,
    *,
    n: int,
    radii: tuple[float, float],
    softness: float,
) -> Numbers:
    """Return a mask of *n* oval spots, 0 to 1.

    Args:
        radii: least and most, in shares of the shorter side.
        softness: width of a spot's edge, in shares of its radius.
    """
    height, width = size
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    mask = np.zeros(size, np.float32)
    for _ in range(n):
        radius = draw.uniform(*radii) * min(size)
        y, x = draw.uniform(0, height), draw.uniform(0, width)
        stretch = log_uniform(draw, 0.67, 1.5)
        distance = np.hypot((rows - y) * stretch, (columns - x) / stretch) / max(radius, 1e-6)
        mask = np.maximum(mask, np.clip((1 + softness - distance) / (2 * softness), 0, 1))
    return mask.astype(np.float32)
