"""A sound JPEG's pixels in half of Pillow's time, and the same bits."""

from __future__ import annotations

import io
import logging
from functools import cache

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from ..log import action

log = logging.getLogger(__name__)


def jpeg_pixels(value: bytes, width: int, height: int) -> NDArray[np.uint8] | None:
    """Return RGB pixels, ``(height, width, 3)``; None where Pillow must decide.

    That is where anything is wrong with the file, its size differs from what Pillow read, or the two
    libraries do not agree here.

    Args:
        value: a JPEG of grey or of three colours.
        width: as Pillow read it.
        height: likewise.
    """
    if not _agrees_with_pillow():
        return None
    try:
        if simplejpeg.decode_jpeg_header(value)[:2] != (height, width):
            return None
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(value)
    except ValueError:
        return None
    return pixels


@cache
def _agrees_with_pillow() -> bool:
    """Return whether both give the same bits for pictures of each common layout; say it once if not."""
    if all(_is_equal(value) for value in _layouts()):
        return True
    log.warning(
        "the installed simplejpeg and Pillow decode JPEGs to different pixels: Pillow decodes all of "
        "them, which takes twice as long; bring both to their latest versions",
        extra=action("jpeg_decoders_differ"),
    )
    return False


def _is_equal(value: bytes) -> bool:
    with Image.open(io.BytesIO(value)) as image:
        by_pillow = np.array(image.convert("RGB"))
    return np.array_equal(by_pillow, simplejpeg.decode_jpeg(value))


def _layouts() -> list[bytes]:
    colours = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)
    picture = Image.fromarray(colours).resize((97, 61))
    options: list[dict[str, int]] = [
        *({"subsampling": kind} for kind in range(3)),
        {"progressive": 1},
        {"keep_rgb": 1},
    ]
    return [_saved(picture, **own) for own in options] + [_saved(picture.convert("L"))]


def _saved(picture: Image.Image, **options: int) -> bytes:
    sink = io.BytesIO()
    picture.save(sink, "JPEG", **options)
    return sink.getvalue()
