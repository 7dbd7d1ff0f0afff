"""Faults of a camera, each a pure function from image to image.

A frozen picture and a scene never seen have one strength, whatever the severity.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from driftgauge.detector import FROZEN

FaultKind = Literal["blur", "fade", "dirt", "frozen", "unseen"]
Severity = Literal["mild", "plain"]
FAULT_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)

IN_WORDS: dict[FaultKind, str] = {
    "blur": "lens out of focus",
    "fade": "light fading",
    "dirt": "dirt on the lens",
    "frozen": "frozen picture",
    "unseen": "a scene never seen",
}

RIGHT_NAMES: dict[FaultKind, frozenset[str]] = {
    "blur": frozenset({"out of focus"}),
    "fade": frozenset({"darkness"}),
    "dirt": frozenset({"dirt"}),
    "frozen": frozenset({FROZEN}),
    "unseen": frozenset({"unknown content", "camera turned"}),
}
"""What the agent may call each: no picture says whether another scene came or the camera turned to it."""

FADE_FRAMES = 16
"""Frames over which the light fades to its last strength."""

_BLUR_SIGMA = {"mild": 1.0, "plain": 2.0}
_LIGHT = {"mild": 0.6, "plain": 0.25}
_DIRT_OPACITY = {"mild": 0.45, "plain": 0.8}
_DIRT_COLOUR = np.array([52, 46, 40], np.float32)
_DISPLAY_GAMMA = 2.2


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one camera.

    Attributes:
        begins: the camera's frame index at which it begins.
        ends: the first frame index without it; None means it stays.
    """

    kind: FaultKind
    severity: Severity = "mild"
    begins: int = 0
    ends: int | None = None

    def is_active(self, index: int) -> bool:
        """Whether frame *index* shows the fault."""
        return self.begins <= index and (self.ends is None or index < self.ends)


def add_fault(image: Image.Image, fault: Fault, *, frames: int, seed: int) -> Image.Image:
    """Return *image* as the faulty camera's sensor sees it, before noise and compression.

    Args:
        image: RGB.
        frames: frames since the fault began.
        seed: decides where dirt lies.
    """
    change = _OPTICS.get(fault.kind)
    return change(image, fault.severity, frames, seed) if change else image


def scale_light(image: Image.Image, gain: float) -> Image.Image:
    """Return *image* with its pixel values multiplied by *gain*."""
    table = np.minimum(np.arange(256) * gain + 0.5, 255).astype(np.uint8).tolist()
    return image.point(table * 3)


def _blur(image: Image.Image, severity: Severity, frames: int, seed: int) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(_BLUR_SIGMA[severity]))


def _fade(image: Image.Image, severity: Severity, frames: int, seed: int) -> Image.Image:
    """Scale the light, not the pixel values, which grow with its root."""
    share = min(1.0, (frames + 1) / FADE_FRAMES)
    light = 1 + share * (_LIGHT[severity] - 1)
    return scale_light(image, light ** (1 / _DISPLAY_GAMMA))


def _dirt(image: Image.Image, severity: Severity, frames: int, seed: int) -> Image.Image:
    opacity = _dirt_mask(*image.size, seed) * np.float32(_DIRT_OPACITY[severity])
    pixels = np.asarray(image, np.float32)
    return Image.fromarray(np.uint8(pixels + opacity[..., None] * (_DIRT_COLOUR - pixels)))


@lru_cache(maxsize=16)
def _dirt_mask(width: int, height: int, seed: int) -> NDArray[np.float32]:
    """Return two or three soft spots, 0 to 1."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    mask = np.zeros((height, width), np.float32)
    for _ in range(random.integers(2, 4)):
        x, y = random.uniform(0.2, 0.8, 2) * (width, height)
        radius = random.uniform(0.06, 0.1) * width
        distance = np.hypot(columns - x, rows - y) / radius
        mask = np.maximum(mask, np.clip(1.5 - distance, 0, 1))
    return mask


_OPTICS: dict[FaultKind, Callable[[Image.Image, Severity, int, int], Image.Image]] = {
    "blur": _blur,
    "fade": _fade,
    "dirt": _dirt,
}
"""Faults that change the light on the sensor; the others change which picture is sent."""
