"""Known changes applied to reference images, to measure which of them a detector finds on this model."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

if TYPE_CHECKING:  # a serving process that only taps its model need not load these
    from PIL import Image as Picture

Image = NDArray[np.uint8]
Change = Callable[[Tensor, torch.Generator], Tensor]


def probe_image(image: Image, kind: str, *, seed: int) -> Image:
    """Return *image* with the change *kind* of `PROBES`.

    Args:
        image: RGB, ``(height, width, 3)``, uint8.
        kind: a key of `PROBES`.
        seed: decides noise and places; equal seeds give equal bits.

    Example:
        >>> dark = probe_image(np.full((8, 8, 3), 200, np.uint8), "darkening", seed=0)
        >>> int(dark[0, 0, 0])
        100
    """
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)
    changed = PROBES[kind](pixels, generator)
    return np.ascontiguousarray(changed.permute(1, 2, 0).numpy())


def blur(pixels: Tensor, generator: torch.Generator, *, share: float = 0.012) -> Tensor:
    """Blur with a deviation of *share* of the shorter side, at least 0.8 pixels."""
    return blur_by(pixels, max(share * min(pixels.shape[-2:]), 0.8))


def blur_by(pixels: Tensor, sigma: float) -> Tensor:
    """Blur with a deviation of *sigma* pixels."""
    from PIL import ImageFilter

    return _to_pixels(_to_picture(pixels).filter(ImageFilter.GaussianBlur(sigma)))


def noise(pixels: Tensor, generator: torch.Generator, *, deviation: float = 15.0) -> Tensor:
    """Add sensor noise, Gaussian, of *deviation* grey levels."""
    noised = pixels.float() + deviation * torch.randn(pixels.shape, generator=generator)
    return noised.round().clamp(0, 255).to(torch.uint8)


def gain(pixels: Tensor, generator: torch.Generator, *, factors: tuple[float, ...]) -> Tensor:
    """Multiply pixel values by one factor a channel, or by one for all."""
    scaled = pixels.float() * torch.tensor(factors)[:, None, None]
    return scaled.round().clamp(0, 255).to(torch.uint8)


def contrast(pixels: Tensor, generator: torch.Generator, *, factor: float = 0.5) -> Tensor:
    """Pull pixel values towards the image's mean."""
    from torchvision.transforms.v2 import functional as vision

    pulled: Tensor = vision.adjust_contrast(pixels, factor)
    return pulled


def jpeg(pixels: Tensor, generator: torch.Generator, *, quality: int = 15) -> Tensor:
    """Compress and decompress."""
    from PIL import Image as Picture

    file = io.BytesIO()
    _to_picture(pixels).save(file, "JPEG", quality=quality)
    return _to_pixels(Picture.open(file))


def occlusion(pixels: Tensor, generator: torch.Generator, *, share: float = 0.35) -> Tensor:
    """Cover a square of *share* of the shorter side with its mean colour, as dirt does."""
    height, width = pixels.shape[-2:]
    side = max(round(share * min(height, width)), 1)
    top = int(torch.randint(height - side + 1, (), generator=generator))
    left = int(torch.randint(width - side + 1, (), generator=generator))
    covered = pixels.clone()
    part = covered[:, top : top + side, left : left + side]
    part[:] = part.float().mean(dim=(1, 2), keepdim=True).to(torch.uint8)
    return covered


def jigsaw(pixels: Tensor, generator: torch.Generator, *, tiles: int = 4) -> Tensor:
    """Shuffle tiles: the textures stay, the content goes."""
    height, width = (side // tiles * tiles for side in pixels.shape[-2:])
    if not height or not width:
        return pixels
    cut = pixels[:, :height, :width]
    high, wide = height // tiles, width // tiles
    grid = cut.reshape(3, tiles, high, tiles, wide).permute(1, 3, 0, 2, 4)
    order = torch.randperm(tiles * tiles, generator=generator)
    shuffled = grid.reshape(-1, 3, high, wide)[order].reshape(tiles, tiles, 3, high, wide)
    return shuffled.permute(2, 0, 3, 1, 4).reshape(3, height, width)


def rotation(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Turn the picture by a quarter, as a camera mounted wrongly does."""
    return pixels.rot90(1, (-2, -1))


def _to_picture(pixels: Tensor) -> Picture.Image:
    from PIL import Image as Picture

    return Picture.fromarray(np.ascontiguousarray(pixels.permute(1, 2, 0).numpy()))


def _to_pixels(picture: Picture.Image) -> Tensor:
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)


COVARIATE_PROBES: Mapping[str, Change] = {
    "blur": blur,
    "noise": noise,
    "darkening": partial(gain, factors=(0.5,)),
    "contrast": contrast,
    "colour cast": partial(gain, factors=(1.25, 1.0, 0.75)),
    "jpeg": jpeg,
    "occlusion": occlusion,
}
"""What happens to lenses, light and cables."""

CONTENT_PROBES: Mapping[str, Change] = {"jigsaw": jigsaw, "rotation": rotation}
"""Pictures of nothing that the model knows."""

PROBES: Mapping[str, Change] = {**COVARIATE_PROBES, **CONTENT_PROBES}
