"""Encoded bytes in, RGB pixels out."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from ..errors import EventDecodeError, EventError, EventUnsupported
from .first_bytes import JPEG, PNG, FileKind, sniff
from .first_sight import FirstSight
from .jpeg import END, FILL, JpegLayout, read_layout
from .jpeg_pixels import jpeg_pixels
from .picture_file import open_picture
from .pixel_choices import ExifOrientation
from .pixel_depth import BYTE_BITS, WORD_BITS, eight_bits, note_depth
from .png import is_sixteen_bit, low_bytes, needed_chunks

_WORDS = ("I", "I;16", "I;16B", "I;16L", "I;16N")
_JPEG_MODES = ("L", "RGB")
_TAIL = b"\xaa" * 64
"""Where the bytes of a scan end, its decoder reads zeros; these begin with a one."""

_SOUGHT_BYTES = 4096
_COLOURS = 3
_UPRIGHT = 1
_TRANSPOSED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation to what turns the picture upright."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSettings:
    """What encoded pictures may be, and how their pixels are meant.

    Attributes:
        max_pixels: a picture whose header claims more is refused before its pixels are touched.
        exif_orientation: ``apply`` turns a picture as its EXIF says; ``ignore`` leaves it as stored.
        bit_depth: bits that pixels of 16-bit words have, from 8 to 16; None is all 16.
        sight: what this stream has decided and logged so far.
    """

    max_pixels: int
    exif_orientation: ExifOrientation = "ignore"
    bit_depth: int | None = None
    sight: FirstSight = field(default_factory=FirstSight, repr=False, compare=False)


def decode_image(value: bytes, settings: ImageSettings) -> NDArray[np.uint8]:
    """Decode a JPEG, PNG, WebP, HEIC or AVIF picture, told by its first bytes.

    Grey, palette, CMYK, 16-bit and transparent pictures become plain RGB; of several frames the
    first counts.

    Returns:
        ``(height, width, 3)``, RGB, uint8.

    Raises:
        EventDecodeError: it is not a picture, truncated, broken, or too large.
        EventUnsupported: it is a file of another kind, or its reader is not installed.
    """
    kind = _picture_kind(value)
    try:
        return _decoded(kind, value, settings)
    except EventError:
        raise
    except Exception as error:  # Pillow raises a dozen kinds for bytes that are not what they claim
        raise EventDecodeError(
            f"the {kind.name} picture cannot be decoded: {error}; got {len(value)} bytes, wanted a "
            "whole picture; check the sender, and message size limits between it and Kafka"
        ) from error


def refuse_extreme_aspect(image: NDArray[np.uint8], *, max_aspect: float) -> None:
    """Refuse pixels whose longer side is too many times the shorter one.

    A transform that brings the shorter side to the model's size makes the longer one that many
    times as long: 300 bytes of PNG, 60,000 pixels wide and 1 high, become 16 GiB.

    Raises:
        EventDecodeError: it is such a picture.
    """
    height, width = image.shape[:2]
    if max(height, width) > max_aspect * min(height, width):
        raise EventDecodeError(
            f"the picture has an extreme aspect ratio: got {width} x {height} pixels, wanted one "
            f"side at most {max_aspect:g} times the other; raise batch.max_image_aspect if such "
            "pictures are meant"
        )


def _picture_kind(value: bytes) -> FileKind:
    kind = sniff(value)
    if kind is None:
        raise EventDecodeError(
            f"the message is not a picture: got {len(value)} bytes that begin with {value[:12]!r}, "
            f"wanted a JPEG, PNG, WebP, HEIC or AVIF file{_inside(value)}"
        )
    if not kind.is_picture:
        raise EventUnsupported(f"the message is {kind.name}, which is not read: {kind.advice}")
    return kind


def _inside(value: bytes) -> str:
    """Return a hint where a JPEG begins later on: something was put in front of it."""
    at = value.find(b"\xff\xd8\xff", 1, _SOUGHT_BYTES)
    if at < 0:
        return ""
    return f"; a JPEG begins at byte {at}: the sender must remove the bytes before it"


def _decoded(kind: FileKind, value: bytes, settings: ImageSettings) -> NDArray[np.uint8]:
    lacks_end = False
    if kind is PNG:
        value = needed_chunks(value)
    if kind is JPEG:
        layout = read_layout(value)
        plain = _plain_jpeg(value, layout, settings)
        if plain is not None:
            return plain
        lacks_end = not layout.has_end and layout.has_every_scan
        value = value.rstrip(FILL) if lacks_end else value
    with open_picture(kind, value + END if lacks_end else value) as image:
        _refuse_many_pixels(image.size, settings.max_pixels)
        orientation = _orientation(image, settings)
        if lacks_end:
            _refuse_cut_short(image, value)
        if image.mode in _WORDS or (kind is PNG and is_sixteen_bit(value)):
            pixels = _sixteen_bit(image, value, settings)
        else:
            sound = kind is JPEG and not lacks_end and image.mode in _JPEG_MODES
            found = jpeg_pixels(value, *image.size) if sound else None
            pixels = _rgb(image) if found is None else found
    return _turned(pixels, orientation)


def _plain_jpeg(
    value: bytes, layout: JpegLayout, settings: ImageSettings
) -> NDArray[np.uint8] | None:
    """Return the pixels of a whole file that says nothing but its pixels; None where Pillow must look."""
    if not (layout.is_plain and layout.has_end and layout.n_frames == 1):
        return None
    _refuse_many_pixels(layout.size, settings.max_pixels)
    return jpeg_pixels(value, *layout.size)


def _refuse_cut_short(image: Image.Image, value: bytes) -> None:
    """Refuse a JPEG that lacks more than its end marker.

    Bytes behind a whole scan are passed over by the decoder; behind one that is cut short they
    become pixels.
    """
    if not np.array_equal(np.asarray(image), _plain_pixels(value + _TAIL + END)):
        raise EventDecodeError(
            f"the JPEG picture cannot be decoded: its last scan is truncated; got {len(value)} "
            "bytes, wanted a whole picture; look at the sender, or at limits on message size on "
            "the way"
        )


def _plain_pixels(value: bytes) -> NDArray[np.uint8]:
    with open_picture(JPEG, value) as image:
        return np.asarray(image)


def _refuse_many_pixels(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise EventDecodeError(
            f"the picture is too large: got {width} x {height} = {width * height / 1e6:.1f} "
            f"megapixels, wanted at most {max_pixels / 1e6:.1f}; raise batch.max_image_pixels "
            "if such pictures are meant"
        )


def _orientation(image: Image.Image, settings: ImageSettings) -> int:
    """Return the EXIF orientation that is to be applied, `_UPRIGHT` where none is."""
    sight = settings.sight
    ignores = settings.exif_orientation == "ignore"
    if "exif" not in image.info or (ignores and sight.has_told("exif_orientation")):
        return _UPRIGHT
    try:
        found = image.getexif().get(ExifTags.Base.Orientation, _UPRIGHT)
    except Exception:  # any that Pillow raises: broken EXIF does not cost the picture
        return _UPRIGHT
    if found not in _TRANSPOSED:
        return _UPRIGHT
    if not ignores:
        return int(found)
    sight.tell_once(
        "exif_orientation",
        f"pictures say by EXIF orientation {found} that they are to be turned, and are scored as "
        'stored; if the model gets them turned, set events.exif_orientation = "apply"',
    )
    return _UPRIGHT


def _turned(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    if orientation == _UPRIGHT:
        return pixels
    return np.array(Image.fromarray(pixels).transpose(_TRANSPOSED[orientation]))


def _sixteen_bit(image: Image.Image, value: bytes, settings: ImageSettings) -> NDArray[np.uint8]:
    where, depth, sight = "the 16-bit picture", settings.bit_depth, settings.sight
    if image.mode in _WORDS:
        words = np.asarray(image).astype(np.int64).clip(0, 2**WORD_BITS - 1).astype(np.uint16)
        return _repeated(eight_bits(words, depth, sight, where))
    if depth in (None, WORD_BITS):
        pixels = _rgb(image)
        if depth is None:
            note_depth(int(pixels.max()) << BYTE_BITS, sight, where)
        return pixels
    return np.ascontiguousarray(eight_bits(_colour_words(image, value), depth, sight, where))


def _colour_words(image: Image.Image, value: bytes) -> NDArray[np.uint16]:
    """Return 16-bit colours, of which Pillow gives the upper bytes: ``(height, width, 1 or 3)``."""
    with open_picture(PNG, low_bytes(value)) as lower:
        low = np.asarray(lower.convert(image.mode))
    words: NDArray[np.uint16] = np.asarray(image).astype(np.uint16) << BYTE_BITS | low
    return words[:, :, :_COLOURS]


def _repeated(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(grey[:, :, None], 3, axis=2)


def _rgb(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode == "RGB":  # to convert it would copy it
        return np.array(image)
    if image.mode == "P" and "transparency" in image.info:
        return np.array(image.convert("RGBA").convert("RGB"))
    return np.array(image.convert("RGB"))
