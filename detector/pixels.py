"""Statistics of a picture itself, scored like a layer in front of the model's own.

They see what the model's transform hides (a resize takes noise and blocks away, a normalisation may
take exposure), and cost little, whatever the picture's size: light and colour come from the picture
thinned, and what only neighbouring pixels show from nine tiles of it in full resolution.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .cells import all_cells, cell_contrast, cell_light

Image = NDArray[np.uint8]
Numbers = NDArray[np.float32]

PIXELS = "pixels"
"""Name of the tap that holds these statistics."""

TILE = 32
TILES = 3
"""Tiles across and down; their corners lie on JPEG's grid of 8 pixels."""
BLOCK = 8
THIN_SIDE = 96
"""Pixels of the thinned picture's longer side at most."""
WHOLE_SIDE = 96
"""A picture with no longer side is one tile."""
N_BANDS = 3
FAINT = 0.05
"""Grey levels that are added before a logarithm: what is far below makes no difference."""
RARE = 1e-3
UNIT = 64.0
"""Grey levels that count as much as a factor of e: light is told in such units."""
DARK, BRIGHT = 2, 253
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)

_WAYS = ("across", "down")
STATISTICS: tuple[str, ...] = (
    *(f"{what} of {name}" for name in "RGB" for what in ("mean", "spread")),
    "spread of light",
    *(f"light, {quantile:.0%} quantile" for quantile in QUANTILES),
    "share of black",
    "share of white",
    "saturation",
    *(f"light of cells, {what}" for what in ("spread", "least", "most")),
    *(f"contrast of cells, {what}" for what in ("least", "median", "most")),
    *(f"thinned, band {band} {way}" for band in range(N_BANDS) for way in _WAYS),
    *(f"tiles, band {band} {way}" for band in range(N_BANDS) for way in _WAYS),
    *(f"tiles, second difference {way}" for way in _WAYS),
    "tiles, median difference",
    "tiles, 95% difference",
    *(f"tiles, equal neighbours {way}" for way in _WAYS),
    *(f"tiles, blocks of 8 {way}" for way in _WAYS),
    "tiles, difference of R - G",
    "tiles, difference of B - G",
)
"""What each number is, in order: light in `UNIT`, and logarithms of all else but saturation."""


def measure_pixels(image: Image) -> Numbers:
    """Return the `STATISTICS` of an RGB picture, float32; always finite.

    Args:
        image: ``(height, width, 3)``, uint8, as it reached us: before any transform.

    Example:
        >>> grey = np.full((60, 80, 3), 128, np.uint8)
        >>> dict(zip(STATISTICS, measure_pixels(grey).tolist()))["light, 50% quantile"]
        2.0
    """
    return measure_picture(image)[0]


def measure_picture(image: Image) -> tuple[Numbers, Numbers]:
    """Return what `measure_pixels` does, and light and contrast of the picture's cells; always finite.

    The cells' numbers, ``(CELL_NUMBERS,)``, are in `UNIT` and logarithms, as the statistics are.
    """
    rgb = _thinned(image)
    light = _light(rgb)
    means, contrasts = cell_light(light), cell_contrast(light)
    numbers = [*_of_light(rgb, light), *_of_cells(means, contrasts), *_bands(light[None])]
    numbers += _of_neighbours(_tiled(image))
    cells = [all_cells(means) / UNIT, np.log(all_cells(contrasts) + FAINT)]
    return np.array(numbers, dtype=np.float32), np.concatenate(cells, dtype=np.float32)


def _thinned(image: Image) -> Numbers:
    """Return channels of every so-many-th row and column, ``(3, height, width)``."""
    step = -(-max(image.shape[:2]) // THIN_SIDE)
    return np.ascontiguousarray(np.moveaxis(image[::step, ::step], -1, 0), dtype=np.float32)


def _tiled(image: Image) -> Numbers:
    """Return tiles in full resolution, ``(3, tiles, height, width)``; a small picture is one."""
    height, width = image.shape[:2]
    if max(height, width) <= WHOLE_SIDE:
        return np.ascontiguousarray(np.moveaxis(image[None], -1, 0), dtype=np.float32)
    high, wide = min(TILE, height), min(TILE, width)
    tops = [(height - high) * row // (TILES - 1) // BLOCK * BLOCK for row in range(TILES)]
    lefts = [(width - wide) * column // (TILES - 1) // BLOCK * BLOCK for column in range(TILES)]
    tiles = [image[top : top + high, left : left + wide] for top in tops for left in lefts]
    return np.ascontiguousarray(np.moveaxis(np.stack(tiles), -1, 0), dtype=np.float32)


def _of_light(rgb: Numbers, light: Numbers) -> list[float]:
    """Return what light and colour are, from a thinned picture."""
    planes = np.concatenate([rgb, light[None]]).reshape(4, -1)
    means = planes.mean(axis=1)
    spreads = np.sqrt(np.square(planes - means[:, None]).mean(axis=1)).tolist()
    found = [
        number
        for mean, spread in zip(means[:3].tolist(), spreads, strict=False)
        for number in (mean / UNIT, _log(spread))
    ]
    found.append(_log(spreads[3]))
    ranked: Numbers = np.sort(planes[3])
    found += [float(ranked[int(q * (len(ranked) - 1))]) / UNIT for q in QUANTILES]
    found.append(_share(int(ranked.searchsorted(DARK, side="right")), len(ranked)))
    found.append(_share(len(ranked) - int(ranked.searchsorted(BRIGHT)), len(ranked)))
    found.append(_mean(rgb.max(axis=0) - rgb.min(axis=0)) / UNIT)
    return found


def _of_cells(means: Numbers, contrasts: Numbers) -> list[float]:
    """Return how light and contrast differ from place to place."""
    light, ranked = means.ravel().tolist(), sorted(contrasts.ravel().tolist())
    told = (ranked[0], ranked[len(ranked) // 2], ranked[-1])
    return [_log(_spread(light)), min(light) / UNIT, max(light) / UNIT, *map(_log, told)]


def _of_neighbours(rgb: Numbers) -> list[float]:
    """Return what neighbouring pixels show, from tiles in full resolution."""
    light = _light(rgb)
    across, down = _across(light), _down(light)
    found = [*_bands(light), _size(_across(across)), _size(_down(down))]
    across, down = np.abs(across, out=across), np.abs(down, out=down)
    ranked = np.sort(across, axis=None)
    for quantile in (0.5, 0.95):
        found.append(_log(float(ranked[int(quantile * (len(ranked) - 1))]) if len(ranked) else 0.0))
    found += [_share(each.size - int(np.count_nonzero(each)), each.size) for each in (across, down)]
    found += [_blocks(across, (0, 1)), _blocks(down, (0, 2))]
    return [*found, *(_size(_across(rgb[channel] - rgb[1])) for channel in (0, 2))]


def _bands(light: Numbers) -> list[float]:
    """Return how neighbours differ, across and down, in *light* and in it halved and halved again."""
    found = []
    for band in range(N_BANDS):
        light = _halved(light) if band else light
        found += [_size(_across(light)), _size(_down(light))]
    return found


def _halved(light: Numbers) -> Numbers:
    height, width = (side // 2 * 2 for side in light.shape[1:])
    if not height or not width:
        return light
    pairs = light[:, :height:2, :width] + light[:, 1:height:2, :width]
    halved: Numbers = (pairs[:, :, ::2] + pairs[:, :, 1::2]) * np.float32(0.25)
    return halved


def _blocks(sizes: Numbers, others: tuple[int, int]) -> float:
    """Return how much larger steps are at blocks' edges than within blocks, a logarithm.

    Args:
        sizes: of the steps from each pixel to the next, along the axis that is not among *others*.
    """
    along = np.add.reduce(sizes, axis=others).tolist()
    if len(along) < BLOCK:
        return 0.0
    at_edges = along[BLOCK - 1 :: BLOCK]
    within = (sum(along) - sum(at_edges)) / (len(along) - len(at_edges))
    n = sizes.size / len(along)
    return _log(sum(at_edges) / len(at_edges) / n) - _log(within / n)


def _across(light: Numbers) -> Numbers:
    return light[:, :, 1:] - light[:, :, :-1]


def _down(light: Numbers) -> Numbers:
    return light[:, 1:] - light[:, :-1]


def _light(rgb: Numbers) -> Numbers:
    light: Numbers = (rgb[0] + 2 * rgb[1] + rgb[2]) * np.float32(0.25)
    return light


def _size(differences: Numbers) -> float:
    """Return the logarithm of how large *differences* are, which are overwritten."""
    return _log(_mean(np.abs(differences, out=differences)))


def _mean(values: Numbers) -> float:
    return float(np.add.reduce(values, axis=None)) / values.size if values.size else 0.0


def _spread(values: list[float]) -> float:
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))


def _share(count: int, n: int) -> float:
    return math.log(count / n + RARE) if n else 0.0


def _log(value: float) -> float:
    return math.log(value + FAINT)
