from __future__ import annotations

import numpy as np
import pytest

from driftgauge.detector.probes import PROBES, probe_image

IMAGE = np.random.default_rng(0).integers(0, 256, (31, 45, 3)).astype(np.uint8)


@pytest.mark.parametrize("kind", PROBES)
def test_every_probe_changes_the_picture_and_repeats_on_its_seed(kind: str) -> None:
    changed = probe_image(IMAGE, kind, seed=3)
    assert changed.dtype == np.uint8
    assert changed.ndim == 3
    assert changed.shape != IMAGE.shape or (changed != IMAGE).mean() > 0.05
    assert np.array_equal(changed, probe_image(IMAGE, kind, seed=3))
    assert IMAGE.sum() == np.random.default_rng(0).integers(0, 256, (31, 45, 3)).sum()


@pytest.mark.parametrize("kind", PROBES)
def test_a_picture_of_one_pixel_survives_every_probe(kind: str) -> None:
    assert probe_image(np.zeros((1, 1, 3), np.uint8), kind, seed=0).shape[2] == 3


def test_a_jigsaw_keeps_the_pixels() -> None:
    image = IMAGE[:28, :44]
    shuffled = probe_image(image, "jigsaw", seed=1)
    assert np.array_equal(np.sort(shuffled, axis=None), np.sort(image, axis=None))
