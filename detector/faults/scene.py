"""Pictures of something else: the camera looks away, or at what the model does not know."""

from __future__ import annotations

import numpy as np

from .drawing import Draw, Image, moved, to_pixels


def turned(image: Image, draw: Draw) -> Image:
    """Look elsewhere: the same light and sharpness, other things at other places."""
    chance = draw.random()
    if chance < 0.15:  # noqa: PLR2004 - mounted on its side
        return np.ascontiguousarray(np.rot90(image))
    if chance < 0.3:  # noqa: PLR2004 - seen from the other side
        return np.ascontiguousarray(image[:, ::-1])
    height, width = image.shape[:2]
    right = width * draw.uniform(0.3, 0.9) * draw.choice([-1, 1])
    down = height * draw.uniform(-0.25, 0.25)
    return np.ascontiguousarray(moved(image, int(down), int(right)))


def unknown(image: Image, draw: Draw) -> Image:
    """Show nothing that the model knows: shuffled tiles, a texture, a negative, a close-up."""
    ways = (_shuffled, _texture, _negative, _close_up)
    way = ways[int(draw.choice(len(ways), p=(0.35, 0.35, 0.15, 0.15)))]
    return way(image, draw)


def _shuffled(image: Image, draw: Draw) -> Image:
    n = int(draw.integers(3, 7))
    high, wide = (side // n for side in image.shape[:2])
    if not high or not wide:
        return image
    cut = image[: high * n, : wide * n].reshape(n, high, n, wide, 3).swapaxes(1, 2)
    tiles = cut.reshape(-1, high, wide, 3)[draw.permutation(n * n)]
    whole = tiles.reshape(n, n, high, wide, 3).swapaxes(1, 2)
    return np.ascontiguousarray(whole.reshape(high * n, wide * n, 3))


def _texture(image: Image, draw: Draw) -> Image:
    """Keep the spectrum and lose the phases: the picture's contrast and detail without things."""
    size = image.shape[:2]
    spectrum = np.abs(np.fft.rfft2(image.astype(np.float32), axes=(0, 1)))
    phases = np.angle(np.fft.rfft2(draw.standard_normal(size)))[..., None]
    phases[0, 0] = 0.0
    return to_pixels(np.fft.irfft2(spectrum * np.exp(1j * phases), s=size, axes=(0, 1)))


def _negative(image: Image, draw: Draw) -> Image:
    return np.ascontiguousarray(255 - image)


def _close_up(image: Image, draw: Draw) -> Image:
    from PIL import Image as Picture

    height, width = image.shape[:2]
    high, wide = max(height // 3, 1), max(width // 3, 1)
    top, left = int(draw.integers(0, height - high + 1)), int(draw.integers(0, width - wide + 1))
    part = Picture.fromarray(image[top : top + high, left : left + wide])
    return np.asarray(part.resize((width, height), Picture.Resampling.BICUBIC))
