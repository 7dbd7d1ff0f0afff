"""Photographs with faults on them, and what is learnt of these."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from driftgauge.agent.demo.scenes import CAMERAS, photograph_cameras
from driftgauge.detector import (
    FAULTS,
    PIXELS,
    STATISTICS,
    Detector,
    FaultBook,
    Traits,
    damage_image,
    fit_detector,
    learn_faults,
    measure_picture,
)

from .models import QUICK, TINY, normal_taps

Picture = NDArray[np.uint8]


@cache
def pictures(seed: int, n: int) -> tuple[Picture, ...]:
    """Return parts of photographs, as JPEG leaves them; other seeds cut other parts."""
    draw = np.random.default_rng(seed)
    scenes = [np.asarray(camera.pictures[0].convert("RGB")) for camera in photograph_cameras()]
    found = []
    for number in range(n):
        scene = scenes[number % len(scenes)]
        top, left = (int(draw.integers(0, side - 160)) for side in scene.shape[:2])
        part = scene[top : top + 160, left : left + 160].astype(np.float32)
        noised = np.clip(part + draw.normal(0, 2, part.shape), 0, 255).astype(np.uint8)
        file = io.BytesIO()
        Image.fromarray(noised).save(file, "JPEG", quality=int(draw.integers(85, 95)))
        found.append(np.asarray(Image.open(file)))
    return tuple(found)


def traits(images: tuple[Picture, ...] | list[Picture]) -> Traits:
    """Return the statistics of pictures, and layers that see nothing unusual."""
    measured = [measure_picture(image) for image in images]
    pixels, cells = (np.stack(each).astype(np.float64) for each in zip(*measured, strict=True))
    return Traits(pixels, np.full((len(images), 2), 0.5), cells)


def damaged(images: tuple[Picture, ...], kind: str, *, seed: int) -> Traits:
    return traits([damage_image(one, kind, seed=seed + n) for n, one in enumerate(images)])


@cache
def book() -> FaultBook:
    """Return what is learnt of forty pictures."""
    learnt = pictures(0, 40)
    cameras = [CAMERAS[n % len(CAMERAS)] for n in range(len(learnt))]
    found = learn_faults(
        traits(learnt), {kind: damaged(learnt, kind, seed=100) for kind in FAULTS}, cameras
    )
    assert found is not None
    return found


@cache
def naming_detector() -> Detector:
    """Return a detector of pixels and one layer that has learnt the faults."""
    n = 600
    pixels = torch.randn(n, len(STATISTICS), generator=torch.Generator().manual_seed(0))
    fitted = fit_detector(
        {PIXELS: pixels, "early": normal_taps(n, 0)["early"]},
        window_ids=np.arange(n) // 10,
        segments=[()] * n,
        preset=TINY,
        training=QUICK,
    )
    return replace(fitted, faults=book())
