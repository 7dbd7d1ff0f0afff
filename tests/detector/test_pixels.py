"""What statistics of a picture see, and what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from driftgauge.detector import (
    CELL_NUMBERS,
    STATISTICS,
    measure_picture,
    measure_pixels,
    measure_samples,
    probe_image,
    sample_pixels,
)
from driftgauge.detector.cells import N_CELLS

from .plain_pixels import plain_statistics

Image = NDArray[np.uint8]


def photograph(height: int = 240, width: int = 320) -> Image:
    """Return soft blobs of colour with fine texture, as a photograph has."""
    rng = np.random.default_rng(3)
    down, across = np.mgrid[0:height, 0:width]
    waves = [
        rng.uniform(0, 50) * np.sin(down * rng.uniform(0, 0.15) + across * rng.uniform(0, 0.15))
        for _ in range(12)
    ]
    soft = np.stack([sum(waves[c::3]) + sum(waves[:3]) for c in range(3)], axis=-1)
    textured = 120 + 0.7 * soft + rng.normal(0, 3, (height, width, 1))
    return np.clip(textured, 0, 255).astype(np.uint8)


def told(image: Image) -> dict[str, float]:
    return dict(zip(STATISTICS, measure_pixels(image).tolist(), strict=True))


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (7, 9), (32, 32), (97, 40), (1080, 1920)])
def test_any_picture_has_every_statistic_and_none_is_infinite(shape: tuple[int, int]) -> None:
    for level in (0, 128, 255):
        image = np.full((*shape, 3), level, np.uint8)
        measured, cells = measure_picture(image)
        assert measured.shape == (len(STATISTICS),)
        assert cells.shape == (CELL_NUMBERS,)
        assert np.isfinite(measured).all()
        assert np.isfinite(cells).all()
        assert np.array_equal(measured, measure_pixels(image))


def test_a_picture_is_left_as_it_was_and_gives_the_same_bits_again() -> None:
    image = photograph()
    before = image.copy()
    assert np.array_equal(measure_pixels(image), measure_pixels(image.copy(order="F")))
    assert np.array_equal(image, before)


@pytest.mark.parametrize(
    ("change", "statistic", "sign"),
    [
        ("noise", "tiles, median difference", 1),
        ("noise", "tiles, second difference across", 1),
        ("blur", "tiles, band 0 across", -1),
        ("blur", "tiles, second difference down", -1),
        ("darkening", "light, 50% quantile", -1),
        ("contrast", "spread of light", -1),
        ("jpeg", "tiles, blocks of 8 across", 1),
        ("jpeg", "tiles, equal neighbours across", 1),
        ("colour cast", "mean of R", 1),
        ("colour cast", "mean of B", -1),
        ("occlusion", "contrast of cells, least", -1),
    ],
)
def test_each_change_moves_the_statistic_that_is_named_for_it(
    change: str, statistic: str, sign: int
) -> None:
    before, after = told(photograph()), told(probe_image(photograph(), change, seed=1))
    assert sign * (after[statistic] - before[statistic]) > 0.05


def test_statistics_of_a_scene_do_not_depend_on_its_size() -> None:
    large, small = told(photograph(480, 640)), told(photograph(480, 640)[::2, ::2])
    of_light = [name for name in STATISTICS if name.startswith(("mean", "light", "spread"))]
    assert len(of_light) > 12
    assert all(abs(large[name] - small[name]) < 0.1 for name in of_light)


@pytest.mark.parametrize("shape", [(480, 640), (1, 300), (3, 5), (97, 40)])
def test_light_and_contrast_of_cells_are_those_of_the_plain_formulas(
    shape: tuple[int, int],
) -> None:
    image = photograph(*shape)
    step = -(-max(shape) // 96)
    rgb = image[::step, ::step].astype(np.float64)
    light = (rgb[..., 0] + 2 * rgb[..., 1] + rgb[..., 2]) / 4
    rows = np.array_split(light, min(4, len(light)))
    cells = [cell for row in rows for cell in np.array_split(row, min(4, row.shape[1]), axis=1)]
    steps = [np.abs(np.diff(cell, axis=1)) for cell in cells]
    contrasts = sorted(float(each.mean()) if each.size else 0.0 for each in steps)
    means = [float(cell.mean()) for cell in cells]
    wanted = {
        "spread of light": np.log(light.std() + 0.05),
        "light of cells, spread": np.log(np.std(means) + 0.05),
        "light of cells, least": min(means) / 64,
        "contrast of cells, median": np.log(contrasts[len(contrasts) // 2] + 0.05),
        "contrast of cells, most": np.log(contrasts[-1] + 0.05),
    }
    found = told(image)
    assert all(found[name] == pytest.approx(value, abs=1e-5) for name, value in wanted.items())
    if len(cells) == N_CELLS:
        in_order = [float(each.mean()) if each.size else 0.0 for each in steps]
        plain = [*(mean / 64 for mean in means), *(np.log(each + 0.05) for each in in_order)]
        assert measure_picture(image)[1].tolist() == pytest.approx(plain, abs=1e-5)


SHAPES = ((1, 1), (1, 300), (300, 2), (7, 9), (40, 97), (95, 93), (123, 457), (320, 320))


def pictures_of_many_kinds() -> list[Image]:
    rng = np.random.default_rng(5)
    kinds = [photograph(*shape) for shape in SHAPES]
    kinds += [rng.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in SHAPES]
    return kinds + [np.where(kind < 128, 0, 255).astype(np.uint8) for kind in kinds]


def test_statistics_are_those_of_the_plain_formulas() -> None:
    for image in pictures_of_many_kinds():
        assert measure_pixels(image).tolist() == pytest.approx(
            plain_statistics(image), rel=1e-6, abs=1e-6
        )


def test_a_pictures_statistics_have_the_same_bits_in_any_company() -> None:
    images = pictures_of_many_kinds() * 3 + [photograph()] * 40
    alone = [np.stack(each) for each in zip(*map(measure_picture, images), strict=True)]
    samples = [sample_pixels(image) for image in images]
    for order in (slice(None), slice(None, None, -1)):
        together = measure_samples(samples[order])
        assert all(
            np.array_equal(all_, some[order]) for all_, some in zip(together, alone, strict=True)
        )
