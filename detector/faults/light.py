"""Faults of light and exposure."""

from __future__ import annotations

import math

import numpy as np

from .drawing import Draw, Image, Numbers, log_uniform, to_pixels

_UNEVEN = 0.5
"""Share of pictures where some places darken more than others, as where one lamp of several fails."""


def darkness(image: Image, draw: Draw) -> Image:
    """Take light away, evenly or not."""
    factor = log_uniform(draw, 0.06, 0.85)
    if draw.random() < _UNEVEN:
        return to_pixels(image * (factor ** (0.4 + 1.2 * _ramp(image, draw)))[..., None])
    return to_pixels(image * factor)


def overexposure(image: Image, draw: Draw) -> Image:
    """Multiply light until it clips."""
    return to_pixels(image * log_uniform(draw, 1.2, 2.5))


def colour_cast(image: Image, draw: Draw) -> Image:
    """Multiply the channels by factors that differ, of product 1."""
    powers = draw.standard_normal(3)
    powers -= powers.mean()
    powers *= draw.uniform(0.1, 0.35) / max(float(np.abs(powers).max()), 1e-6)
    return to_pixels(image * np.exp(powers))


def _ramp(image: Image, draw: Draw) -> Numbers:
    """Return 0 to 1 across the picture in a random direction."""
    height, width = image.shape[:2]
    rows, columns = np.mgrid[:height, :width]
    angle = draw.uniform(0, 2 * math.pi)
    ramp = rows * math.sin(angle) + columns * math.cos(angle)
    scaled: Numbers = ((ramp - ramp.min()) / max(float(np.ptp(ramp)), 1e-6)).astype(np.float32)
    return scaled
