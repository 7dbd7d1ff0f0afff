"""Faults of the sensor and the line."""

from __future__ import annotations

import io

import numpy as np

from .drawing import Draw, Image, log_uniform, to_pixels

_GREY = 0.5
"""Share of pictures whose noise is equal in all channels."""


def noise(image: Image, draw: Draw) -> Image:
    """Add Gaussian noise, coloured or grey."""
    deviation = log_uniform(draw, 6, 40)
    channels = 1 if draw.random() < _GREY else 3
    return to_pixels(image + deviation * draw.standard_normal((*image.shape[:2], channels)))


def compression(image: Image, draw: Draw) -> Image:
    """Compress as JPEG, far too much."""
    from PIL import Image as Picture

    file = io.BytesIO()
    Picture.fromarray(image).save(file, "JPEG", quality=round(log_uniform(draw, 5, 35)))
    return np.asarray(Picture.open(file))
