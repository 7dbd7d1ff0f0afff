"""Decoded pixels of any usual kind as RGB."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftgauge.detector import ShapeMismatch

_GREY_AXES = 2
_COLOUR_AXES = 3


def as_rgb(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Return *image* as ``(height, width, 3)``, RGB, uint8; as it is if it is that already.

    Grey is repeated, transparency is dropped, 16 bits keep their upper 8; the same happens to
    encoded pictures when they are decoded.

    Args:
        image: ``(height, width)`` or with 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA) channels
            last; uint8 or uint16.

    Raises:
        ShapeMismatch: it is something else, or has no pixel.

    Example:
        >>> as_rgb(np.full((2, 2), 257 * 9, dtype=np.uint16))[0, 0].tolist()
        [9, 9, 9]
    """
    channels = 1 if image.ndim == _GREY_AXES else image.shape[-1] if image.ndim else 0
    is_shaped = image.ndim in (_GREY_AXES, _COLOUR_AXES) and 1 <= channels <= 4  # noqa: PLR2004
    if not is_shaped or not image.size or image.dtype not in (np.uint8, np.uint16):
        raise ShapeMismatch(
            f"got an image of shape {image.shape} and type {image.dtype}, wanted (height, width, 3) "
            "uint8, or grey, RGBA or uint16 pixels; channels come last"
        )
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    if image.ndim == _GREY_AXES:
        image = image[:, :, None]
    colours: NDArray[np.uint8] = image[:, :, :3] if channels >= _COLOUR_AXES else image[:, :, :1]
    if colours.shape[2] == 1:
        colours = np.repeat(colours, 3, axis=2)
    return np.ascontiguousarray(colours)
