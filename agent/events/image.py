"""Encoded bytes in, RGB pixels out."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import EventDecodeError

_START_OF_SCAN = b"\xff\xda"
_MAX_SCANS = 100
"""Encoders write about ten; a small file with thousands of scans would take minutes."""

_SIXTEEN_BIT = ("I", "I;16", "I;16B", "I;16L", "I;16N")


def decode_image(value: bytes, *, max_pixels: int) -> NDArray[np.uint8]:
    """Decode a JPEG, PNG or WebP picture, told by its first bytes; the first frame of several.

    Grey, palette, CMYK, 16-bit and transparent pictures become plain RGB; an EXIF orientation is
    not applied, since the production model sees the pixels as stored.

    Args:
        max_pixels: a picture whose header claims more is refused before its pixels are touched.

    Returns:
        ``(height, width, 3)``, RGB, uint8.

    Raises:
        EventDecodeError: it is something else, truncated, broken, or too large.
    """
    kind = _format(value)
    try:
        with Image.open(io.BytesIO(value), formats=[kind]) as image:
            _refuse_many_pixels(image.size, max_pixels)
            return _rgb(image)
    except EventDecodeError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise EventDecodeError(f"the {kind} picture is a decompression bomb: {error}") from error
    except Exception as error:  # Pillow raises a dozen kinds for bytes that are not what they claim
        raise EventDecodeError(
            f"the {kind} picture cannot be decoded: {error}; got {len(value)} bytes, wanted a "
            "whole picture; look at the sender, or at limits on message size on the way"
        ) from error


def refuse_strip(image: NDArray[np.uint8], *, max_aspect: float) -> None:
    """Refuse pixels whose longer side is too many times the shorter one.

    A transform that brings the shorter side to the model's size makes the longer one that many
    times as long: 300 bytes of PNG, 60,000 pixels wide and 1 high, become 16 GiB.

    Raises:
        EventDecodeError: it is such a picture.
    """
    height, width = image.shape[:2]
    if max(height, width) > max_aspect * min(height, width):
        raise EventDecodeError(
            f"the picture is a strip: got {width} x {height} pixels, wanted one side at most "
            f"{max_aspect:g} times the other; raise batch.max_image_aspect if such are meant"
        )


def is_picture(value: bytes) -> bool:
    """Return whether the first bytes are those of a JPEG, PNG or WebP."""
    return _kind(value) is not None


def _kind(value: bytes) -> str | None:
    if value.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if value.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if value.startswith(b"RIFF") and value[8:12] == b"WEBP":
        return "WEBP"
    return None


def _format(value: bytes) -> str:
    kind = _kind(value)
    if kind == "JPEG" and value.count(_START_OF_SCAN) > _MAX_SCANS:
        raise EventDecodeError(
            f"the JPEG has too many scans: got {value.count(_START_OF_SCAN)}, wanted at most "
            f"{_MAX_SCANS}; each is a pass over the whole picture"
        )
    if kind is not None:
        return kind
    raise EventDecodeError(
        f"the message is no picture: got {len(value)} bytes that begin with {value[:12]!r}, "
        "wanted a raw JPEG, PNG or WebP"
    )


def _refuse_many_pixels(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise EventDecodeError(
            f"the picture is too large: got {width} x {height} = {width * height / 1e6:.1f} "
            f"megapixels, wanted at most {max_pixels / 1e6:.1f}; raise batch.max_image_pixels "
            "if such pictures are meant"
        )


def _rgb(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode in _SIXTEEN_BIT:
        grey = (np.asarray(image).astype(np.int64).clip(0, 65535) >> 8).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if image.mode == "RGB":  # to convert it would copy it
        return np.array(image)
    if image.mode == "P" and "transparency" in image.info:
        return np.array(image.convert("RGBA").convert("RGB"))
    return np.array(image.convert("RGB"))
