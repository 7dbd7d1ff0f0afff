"""Statistics of a picture itself, scored like a layer in front of the model's own.

They see what the model's transform hides (a resize takes noise and blocks away, a normalisation may
take exposure), and cost little, whatever the picture's size: light and colour come from the picture
thinned, and what only neighbouring pixels show from nine tiles of it in full resolution.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .cells import CELL_NUMBERS, all_cells, cell_means
from .sampling import Image, PixelSample, sample_pixels
from .steps import (
    MOST_LEVELS,
    N_BANDS,
    QUARTERS,
    Floats,
    Levels,
    band_statistics,
    count_levels,
    light_of,
    log_level,
    log_share,
    neighbour_statistics,
    quantiles,
    steps_across,
    total,
)

Numbers = NDArray[np.float32]

PIXELS = "pixels"
"""Name of the tap that holds these statistics."""

UNIT = 64.0
"""Grey levels that count as much as a factor of e: light is told in such units."""
DARK, BRIGHT = 2, 253
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
AT_A_TIME = 32
"""Pictures that are measured together: what is computed of them stays in a processor's cache."""

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
    numbers, cells = measure_samples([sample_pixels(image)])
    return numbers[0], cells[0]


def measure_samples(samples: Sequence[PixelSample]) -> tuple[Numbers, Numbers]:
    """Return what `measure_picture` does of each picture: ``(n, statistics)`` and ``(n, CELL_NUMBERS)``.

    Many together cost half as much as each alone, to the same bits.
    """
    numbers = np.empty((len(samples), len(STATISTICS)), np.float32)
    cells = np.empty((len(samples), CELL_NUMBERS), np.float32)
    alike: dict[object, list[int]] = {}
    for row, sample in enumerate(samples):
        alike.setdefault(sample.shapes, []).append(row)
    for rows in alike.values():
        for start in range(0, len(rows), AT_A_TIME):
            some = rows[start : start + AT_A_TIME]
            numbers[some], cells[some] = _measured([samples[row] for row in some])
    return numbers, cells


def _measured(samples: Sequence[PixelSample]) -> tuple[Floats, Floats]:
    """Return the numbers of pictures with the same shapes."""
    rgb = _levels([sample.thinned for sample in samples])
    light = light_of(rgb)
    steps = np.abs(steps_across(light))
    means, contrasts = (
        cell_means(one[:, :, 0], light.shape[3]) / QUARTERS for one in (light, steps)
    )
    found = [*_of_colour(rgb), *_of_light(light), _saturation(rgb)]
    found += [*_of_cells(means, contrasts), *band_statistics(light)]
    found += neighbour_statistics(_levels([sample.tiles for sample in samples]))
    cells = [all_cells(means) / UNIT, log_level(all_cells(contrasts))]
    return np.stack(found, axis=1), np.concatenate(cells, axis=1)


def _levels(planes: Sequence[Image]) -> Levels:
    return np.stack(planes).astype(np.int16)


def _of_colour(rgb: Levels) -> list[Floats]:
    """Return mean and spread of each channel."""
    planes = rgb.reshape(*rgb.shape[:2], -1).view(np.uint16)  # which holds a square, too
    n = planes.shape[2]
    sums, squares = total(planes, axis=2), total(planes * planes, axis=2)
    spreads = log_level(np.sqrt(n * squares - sums**2) / n)
    return [part[:, c] for c in range(3) for part in (sums / (n * UNIT), spreads)]


def _of_light(light: Levels) -> list[Floats]:
    """Return how light is distributed."""
    n, counts = light[0].size, count_levels(light)
    levels = np.arange(MOST_LEVELS)
    sums, squares = counts @ levels, counts @ levels**2
    n_dark = counts[:, : DARK * QUARTERS + 1].sum(axis=1)
    n_bright = counts[:, BRIGHT * QUARTERS :].sum(axis=1)
    return [
        log_level(np.sqrt(n * squares - sums**2) / (n * QUARTERS)),
        *(quantiles(counts, QUANTILES) / UNIT),
        *(log_share(count, n) for count in (n_dark, n_bright)),
    ]


def _saturation(rgb: Levels) -> Floats:
    widest: Levels = rgb.max(axis=1) - rgb.min(axis=1)
    means: Floats = total(widest, axis=(1, 2, 3)) / (widest[0].size * UNIT)
    return means


def _of_cells(means: Floats, contrasts: Floats) -> list[Floats]:
    """Return how light and contrast differ from place to place."""
    light = means.reshape(len(means), -1)
    ranked = np.sort(contrasts.reshape(light.shape), axis=1)
    told = (ranked[:, place] for place in (0, ranked.shape[1] // 2, -1))
    extremes = (light.min(axis=1) / UNIT, light.max(axis=1) / UNIT)
    return [log_level(light.std(axis=1)), *extremes, *map(log_level, told)]
