"""The faults that have names."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from .cover import covered, dirt, water_drops
from .drawing import Draw, Image
from .lens import haze, motion_blur, out_of_focus
from .light import colour_cast, darkness, overexposure
from .scene import turned, unknown
from .signal import compression, noise

Damage = Callable[[Image, Draw], Image]

FAULTS: Mapping[str, Damage] = {
    "out of focus": out_of_focus,
    "motion blur": motion_blur,
    "darkness": darkness,
    "overexposure": overexposure,
    "haze": haze,
    "noise": noise,
    "compression": compression,
    "colour cast": colour_cast,
    "covered": covered,
    "dirt": dirt,
    "water drops": water_drops,
    "camera turned": turned,
    "unknown content": unknown,
}
"""Name to what it does to a picture, at a strength that is drawn."""

FROZEN = "frozen picture"
"""It shows in no single picture: many are equal to the bit."""


def damage_image(image: Image, kind: str, *, seed: int) -> Image:
    """Return *image* with the fault *kind* of `FAULTS`.

    Args:
        image: RGB, ``(height, width, 3)``, uint8.
        seed: decides strength and places; equal seeds give equal bits.

    Example:
        >>> grey = np.full((16, 16, 3), 200, np.uint8)
        >>> int(damage_image(grey, "darkness", seed=0).max()) < 200
        True
    """
    draw = np.random.default_rng([seed, list(FAULTS).index(kind)])
    return FAULTS[kind](image, draw)
