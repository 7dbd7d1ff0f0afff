"""Statistics of a picture itself, scored like a layer in front of the model's own.

They see what the model's transform hides (a resize takes noise and blocks away, a normalisation may
take exposure), and cost little, whatever the picture's size: light and colour come from the picture
thinned, and what only neighbouring pixels show from nine tiles of it in full resolution.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

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
CELLS = 4
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
    numbers = [*_of_light(_thinned(image)), *_of_neighbours(_tiled(image))]
    return np.array(numbers, dtype=np.float32)


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


def _of_light(rgb: Numbers) -> Iterator[float]:
    for plane in rgb:
        yield float(plane.mean()) / UNIT
        yield _log(float(plane.std()))
    light = _light(rgb)
    yield _log(float(light.std()))
    ranked: Numbers = np.sort(light, axis=None)
    yield from (float(ranked[int(q * (len(ranked) - 1))]) / UNIT for q in QUANTILES)
    yield _share(int(np.searchsorted(ranked, DARK, side="right")), len(ranked))
    yield _share(len(ranked) - int(np.searchsorted(ranked, BRIGHT)), len(ranked))
    yield float((np.maximum.reduce(rgb) - np.minimum.reduce(rgb)).mean()) / UNIT
    yield from _of_cells(light)
    yield from _bands(light[None])


def _of_cells(light: Numbers) -> Iterator[float]:
    """Yield how light and contrast differ from place to place."""
    rows = np.array_split(light, min(CELLS, len(light)))
    cells = [cell for row in rows for cell in np.array_split(row, min(CELLS, row.shape[1]), axis=1)]
    means = [float(cell.mean()) / UNIT for cell in cells]
    yield _log(UNIT * float(np.std(means)))
    yield min(means)
    yield max(means)
    contrasts = sorted(_size(cell[:, 1:] - cell[:, :-1]) for cell in cells)
    yield contrasts[0]
    yield contrasts[len(contrasts) // 2]
    yield contrasts[-1]


def _of_neighbours(rgb: Numbers) -> Iterator[float]:
    light = _light(rgb)
    yield from _bands(light)
    across, down = _across(light), _down(light)
    yield _size(_across(across))
    yield _size(_down(down))
    ranked = np.sort(np.abs(across), axis=None)
    for quantile in (0.5, 0.95):
        yield _log(float(ranked[int(quantile * (len(ranked) - 1))]) if len(ranked) else 0.0)
    for steps in (across, down):
        yield _share(steps.size - int(np.count_nonzero(steps)), steps.size)
    yield _blocks(across)
    yield _blocks(down.swapaxes(1, 2))
    for channel in (0, 2):
        yield _size(_across(rgb[channel] - rgb[1]))


def _bands(light: Numbers) -> Iterator[float]:
    """Yield how neighbours differ, across and down, in *light* and in it halved and halved again."""
    for _ in range(N_BANDS):
        yield _size(_across(light))
        yield _size(_down(light))
        light = _halved(light)


def _halved(light: Numbers) -> Numbers:
    height, width = (side // 2 * 2 for side in light.shape[1:])
    if not height or not width:
        return light
    pairs = light[:, :height:2, :width] + light[:, 1:height:2, :width]
    halved: Numbers = (pairs[:, :, ::2] + pairs[:, :, 1::2]) * np.float32(0.25)
    return halved


def _blocks(steps: Numbers) -> float:
    """Return how much larger steps across are at blocks' edges than within blocks, a logarithm."""
    sizes = np.abs(steps).mean(axis=(0, 1))
    if len(sizes) < BLOCK:
        return 0.0
    at_edges = sizes[BLOCK - 1 :: BLOCK]
    within = (sizes.sum() - at_edges.sum()) / (len(sizes) - len(at_edges))
    return _log(float(at_edges.mean())) - _log(float(within))


def _across(light: Numbers) -> Numbers:
    return light[:, :, 1:] - light[:, :, :-1]


def _down(light: Numbers) -> Numbers:
    return light[:, 1:] - light[:, :-1]


def _light(rgb: Numbers) -> Numbers:
    light: Numbers = (rgb[0] + 2 * rgb[1] + rgb[2]) * np.float32(0.25)
    return light


def _size(differences: Numbers) -> float:
    return _log(float(np.abs(differences).mean()) if differences.size else 0.0)


def _share(count: int, n: int) -> float:
    return float(np.log(count / n + RARE)) if n else 0.0


def _log(value: float) -> float:
    return float(np.log(value + FAINT))
