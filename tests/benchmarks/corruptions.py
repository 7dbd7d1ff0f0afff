"""Eight corruptions at five strengths; half of them resemble no probe that fitting uses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms.v2 import functional as vision

from driftgauge.detector import probes

Image = NDArray[np.uint8]
STRENGTHS = (1, 2, 3, 4, 5)


def corrupt(image: Image, kind: str, strength: int, *, seed: int) -> Image:
    """Return RGB *image*, ``(height, width, 3)``, corrupted; sizes scale with the shorter side."""
    pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)
    generator = torch.Generator().manual_seed(seed)
    changed = CORRUPTIONS[kind](pixels, strength - 1, generator)
    return np.ascontiguousarray(changed.permute(1, 2, 0).numpy())


def _noise(pixels: Tensor, level: int, generator: torch.Generator) -> Tensor:
    return probes.noise(pixels, generator, deviation=(5.0, 10.0, 15.0, 25.0, 40.0)[level])


def _blur(pixels: Tensor, level: int, generator: torch.Generator) -> Tensor:
    sigma = (0.016, 0.022, 0.03, 0.04, 0.06)[level] * min(pixels.shape[-2:])
    return probes.blur_by(pixels, sigma)


def _motion(pixels: Tensor, level: int, generator: torch.Generator) -> Tensor:
    length = max(round((0.05, 0.08, 0.12, 0.16, 0.22)[level] * min(pixels.shape[-2:])), 2)
    moved = torch.stack([pixels.float().roll(shift, -1) for shift in range(length)])
    return moved.mean(dim=0).round().to(torch.uint8)


def _darkening(pixels: Tensor, level: int, generator: torch.Generator) -> Tensor:
    return probes.gain(pixels, generator, factors=((0.8, 0.65, 0.5, 0.35, 0.2)[level],))


def _overexposure(pixels: Tensor, level: int, generator: torch.Generator) -> Tensor:
    return probes.gain(pixels, generator, factors=((1.2, 1.4, 1.7, 2.0, 2.5)[level],))


def _fog(pixels: Tensor, level: int, generator: torch.Generator) -> Tensor:
    share = (0.2, 0.35, 0.5, 0.65, 0.8)[level]
    return (pixels * (1 - share) + 210 * share).round().to(torch.uint8)


def _jpeg(pixels: Tensor, level: int, generator: torch.Generator) -> Tensor:
    return probes.jpeg(pixels, generator, quality=(50, 30, 20, 12, 7)[level])


def _pixelation(pixels: Tensor, level: int, generator: torch.Generator) -> Tensor:
    height, width = pixels.shape[-2:]
    share = (0.8, 0.65, 0.5, 0.4, 0.3)[level]
    small = vision.resize(pixels, [round(height * share), round(width * share)], antialias=True)
    nearest = vision.InterpolationMode.NEAREST
    coarse: Tensor = vision.resize(small, [height, width], interpolation=nearest)
    return coarse


CORRUPTIONS: dict[str, Callable[[Tensor, int, torch.Generator], Tensor]] = {
    "noise": _noise,
    "blur": _blur,
    "motion": _motion,
    "darkening": _darkening,
    "overexposure": _overexposure,
    "fog": _fog,
    "jpeg": _jpeg,
    "pixelation": _pixelation,
}
