"""Faults of the lens and the air before it."""

from __future__ import annotations

import math

import numpy as np

from .drawing import Draw, Image, blurred, log_uniform, moved, to_pixels


def out_of_focus(image: Image, draw: Draw) -> Image:
    """Blur evenly."""
    sigma = log_uniform(draw, 0.004, 0.03) * min(image.shape[:2])
    return blurred(image, max(sigma, 0.7))


def motion_blur(image: Image, draw: Draw) -> Image:
    """Blur along one direction."""
    length = max(round(log_uniform(draw, 0.02, 0.12) * min(image.shape[:2])), 3)
    angle = draw.uniform(0, math.pi)
    total = np.zeros(image.shape, np.float32)
    for step in np.linspace(-(length - 1) / 2, (length - 1) / 2, length):
        total += moved(image, round(step * math.sin(angle)), round(step * math.cos(angle)))
    return to_pixels(total / length)


def haze(image: Image, draw: Draw) -> Image:
    """Mix with one bright grey, as fog or a misted lens does."""
    share = draw.uniform(0.15, 0.7)
    return to_pixels(image * (1 - share) + draw.uniform(170, 230) * share)
