"""Frames as a camera sends them: the scene through a restless lens, a noisy sensor and JPEG.

A frame depends on the camera, its index, the seed and the fault only, so that a run can be
repeated bit for bit.
"""

from __future__ import annotations

import io
import zlib
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .faults import Fault, add_fault, scale_light
from .scenes import FRAME_PIXELS, MARGIN_PIXELS, Camera
from .season import in_season

_PAN_PIXELS = 1.5
_ZOOM = 0.008
_EXPOSURE = 0.03
_NOISE_LEVELS = (1.5, 2.0, 2.5, 3.0)
_QUALITIES = (84, 95)
_TILE = 512


def frame(
    camera: Camera, index: int, *, seed: int, fault: Fault | None = None, season: float = 0.0
) -> bytes:
    """Return the camera's frame *index* as JPEG; about 2 ms.

    Args:
        index: counts the camera's frames from 0.
        seed: another seed is another day: other jitter, other dirt.
        fault: changes the frame while it is active at *index*.
        season: how far the season has moved, 0 to 1.
    """
    active = fault if fault and fault.is_active(index) else None
    if active and active.kind == "frozen":
        return frame(camera, active.begins - 1, seed=seed, season=season)
    image, random = _view(camera, index, seed, unseen=bool(active and active.kind == "unseen"))
    image = in_season(image, season)
    if active:
        image = add_fault(
            image, active, frames=index - active.begins, seed=_seed(camera.name, 0, seed)
        )
    return _jpeg(_sensed(image, random), random)


def _seed(name: str, index: int, seed: int) -> int:
    return zlib.crc32(f"{name}/{index}/{seed}".encode())


def _view(
    camera: Camera, index: int, seed: int, *, unseen: bool
) -> tuple[Image.Image, np.random.Generator]:
    """Return what the lens shows, with the pan, zoom and exposure of this moment."""
    random = np.random.default_rng(_seed(camera.name, index + 1, seed))
    picture = camera.unseen if unseen else camera.pictures[index % len(camera.pictures)]
    pan, zoom, exposure = _jitter(random)
    side = FRAME_PIXELS * zoom
    left, top = (picture.width - side) / 2 + pan
    view = picture.resize(
        (FRAME_PIXELS, FRAME_PIXELS),
        Image.Resampling.BICUBIC,
        box=(left, top, left + side, top + side),
    )
    return scale_light(view, exposure), random


def _jitter(random: np.random.Generator) -> tuple[NDArray[np.float64], float, float]:
    limit = MARGIN_PIXELS / 2
    pan = np.clip(random.normal(0, _PAN_PIXELS, 2), -limit, limit)
    zoom = 1 + float(np.clip(random.normal(0, _ZOOM), -0.04, 0.04))
    return pan, zoom, float(np.exp(random.normal(0, _EXPOSURE)))


def _sensed(image: Image.Image, random: np.random.Generator) -> NDArray[np.uint8]:
    """Add the sensor's noise, cut from a tile at a random place."""
    top, left = random.integers(0, _TILE - FRAME_PIXELS, 2)
    tile = _noise_tiles()[random.integers(len(_NOISE_LEVELS))]
    pixels = np.asarray(image).astype(np.int16)
    pixels += tile[top : top + FRAME_PIXELS, left : left + FRAME_PIXELS]
    return np.clip(pixels, 0, 255).astype(np.uint8)


@cache
def _noise_tiles() -> tuple[NDArray[np.int8], ...]:
    noise = np.random.default_rng(7).standard_normal((_TILE, _TILE, 3), np.float32)
    return tuple(np.rint(noise * level).astype(np.int8) for level in _NOISE_LEVELS)


def _jpeg(pixels: NDArray[np.uint8], random: np.random.Generator) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=int(random.integers(*_QUALITIES)))
    return buffer.getvalue()
