"""The statistics of pixels written plainly, picture by picture, in double precision."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def plain_statistics(image: NDArray[np.uint8]) -> list[float]:
    """Return what `measure_pixels` does."""
    step = -(-max(image.shape[:2]) // 96)
    rgb = image[::step, ::step].astype(np.float64)
    light = _light(rgb)
    ranked = np.sort(light, axis=None)
    quantiles = [
        ranked[int(q * (ranked.size - 1))] / 64 for q in (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
    ]
    return [
        *(
            number
            for c in range(3)
            for number in (rgb[..., c].mean() / 64, _log(rgb[..., c].std()))
        ),
        _log(light.std()),
        *quantiles,
        _share(light <= 2),
        _share(light >= 253),
        (rgb.max(axis=2) - rgb.min(axis=2)).mean() / 64,
        *_of_cells(light),
        *_bands([light]),
        *_of_tiles(_tiles(image.astype(np.float64))),
    ]


def _tiles(image: Floats) -> list[Floats]:
    height, width = image.shape[:2]
    if max(height, width) <= 96:
        return [image]
    high, wide = min(32, height), min(32, width)
    tops = [(height - high) * place // 2 // 8 * 8 for place in range(3)]
    lefts = [(width - wide) * place // 2 // 8 * 8 for place in range(3)]
    return [image[top : top + high, left : left + wide] for top in tops for left in lefts]


def _of_cells(light: Floats) -> list[float]:
    rows = np.array_split(light, min(4, len(light)))
    cells = [cell for row in rows for cell in np.array_split(row, min(4, row.shape[1]), axis=1)]
    means = [cell.mean() for cell in cells]
    contrasts = sorted(_mean([np.diff(cell, axis=1)]) for cell in cells)
    told = (contrasts[0], contrasts[len(contrasts) // 2], contrasts[-1])
    return [_log(np.std(means)), min(means) / 64, max(means) / 64, *map(_log, told)]


def _of_tiles(tiles: list[Floats]) -> list[float]:
    lights = [_light(tile) for tile in tiles]
    across = [np.diff(light, axis=1) for light in lights]
    down = [np.diff(light, axis=0) for light in lights]
    ranked = np.sort(np.concatenate([np.abs(each).ravel() for each in across]))
    return [
        *_bands(lights),
        _log(_mean([np.diff(each, axis=1) for each in across])),
        _log(_mean([np.diff(each, axis=0) for each in down])),
        *(_log(ranked[int(q * (ranked.size - 1))] if ranked.size else 0.0) for q in (0.5, 0.95)),
        *(_share(np.concatenate([one.ravel() for one in each]) == 0) for each in (across, down)),
        _blocks(np.concatenate([np.abs(each) for each in across]).mean(axis=0)),
        _blocks(np.concatenate([np.abs(each.T) for each in down]).mean(axis=0)),
        *(
            _log(_mean([np.diff(tile[..., c] - tile[..., 1], axis=1) for tile in tiles]))
            for c in (0, 2)
        ),
    ]


def _bands(lights: list[Floats]) -> list[float]:
    found = []
    for band in range(3):
        if band:
            lights = [_halved(light) for light in lights]
        found += [_log(_mean([np.diff(light, axis=axis) for light in lights])) for axis in (1, 0)]
    return found


def _halved(light: Floats) -> Floats:
    height, width = (side // 2 for side in light.shape)
    if not height or not width:
        return light
    pairs = light[: 2 * height, : 2 * width].reshape(height, 2, width, 2)
    halved: Floats = pairs.mean(axis=(1, 3))
    return halved


def _blocks(along: Floats) -> float:
    if len(along) < 8:
        return 0.0
    is_edge = np.arange(len(along)) % 8 == 7
    return _log(along[is_edge].mean()) - _log(along[~is_edge].mean())


def _light(rgb: Floats) -> Floats:
    light: Floats = (rgb[..., 0] + 2 * rgb[..., 1] + rgb[..., 2]) / 4
    return light


def _mean(differences: list[Floats]) -> float:
    joined = np.concatenate([np.abs(each).ravel() for each in differences])
    return float(joined.mean()) if joined.size else 0.0


def _share(is_so: NDArray[np.bool_]) -> float:
    return float(np.log(is_so.mean() + 1e-3)) if is_so.size else 0.0


def _log(value: float) -> float:
    return float(np.log(value + 0.05))
