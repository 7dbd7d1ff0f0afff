"""Lists of pixel values in, RGB pictures out; shapes are checked before anything is allocated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import EventDecodeError, EventSchemaError
from .first_bytes import FileKind, sniff
from .first_sight import FirstSight
from .image import ImageSettings, decode_image
from .limits import MAX_IMAGES_PER_MESSAGE
from .payload import Image
from .pixel_choices import ChannelLayout, ValueRange
from .pixel_range import RangeSettings, pixel_bytes

_CHANNELS = (1, 3, 4)
_MAX_DIMENSIONS = 4
_PICTURE = 3
_FILE_BYTES = 16
"""A row of so many bytes may be an encoded file; one of fewer is a row of pixels."""

_AXES = "tensor_layout"
_Number = TypeVar("_Number", bound=np.generic)


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorSettings:
    """How pixel values are laid out.

    Attributes:
        image: what pictures may be, and what was decided of this stream's.
        layout: where the channels are; ``hw`` is grey without an axis for them; ``auto`` takes the
            last axis when it has 1, 3 or 4 values, else the first.
        value_range: what black and white are.
        max_images: of one message.
    """

    image: ImageSettings
    layout: ChannelLayout = "auto"
    value_range: ValueRange = "auto"
    max_images: int = MAX_IMAGES_PER_MESSAGE

    @property
    def max_pixels(self) -> int:
        """Of all pictures of one message."""
        return self.image.max_pixels

    @property
    def value_settings(self) -> RangeSettings:
        """What the pixel values mean."""
        image = self.image
        return RangeSettings(
            value_range=self.value_range, bit_depth=image.bit_depth, sight=image.sight
        )


def check_shape(shape: object, settings: TensorSettings, where: str) -> tuple[int, ...]:
    """Return *shape* as the message declares it, once it is one of pictures within the bounds.

    Raises:
        EventSchemaError: it is not.
    """
    if not isinstance(shape, list | tuple) or not 1 <= len(shape) <= _MAX_DIMENSIONS:
        raise EventSchemaError(
            f"{where}: the shape is not that of a picture: got {str(shape)[:60]}, "
            "wanted 1 to 4 whole numbers"
        )
    sizes = [size for size in shape if isinstance(size, int) and not isinstance(size, bool)]
    limit = 4 * settings.max_pixels
    if len(sizes) < len(shape) or min(sizes) < 1 or math.prod(sizes) > limit:
        raise EventSchemaError(
            f"{where}: the shape is not that of a picture: got {str(shape)[:60]}, wanted sizes from 1 "
            f"on with at most {limit} values in all"
        )
    return tuple(sizes)


def number_array(values: object, shape: Sequence[int] | None, where: str) -> NDArray[np.float64]:
    """Return a list of numbers, flat or nested, as an array of *shape*.

    Args:
        shape: as declared; None takes that of the nested list.

    Raises:
        EventDecodeError: it is ragged, has other things than numbers, or not as many as declared.
    """
    if not isinstance(values, list) or not values:
        raise EventDecodeError(f"{where} has no pixel values: got {type(values).__name__}")
    try:  # as float64 at once: a guessed type could be text, each as long as the longest
        array = np.asarray(values, dtype=np.float64)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise EventDecodeError(f"{where} is not an array of numbers: {str(error)[:120]}") from error
    return array if shape is None else shaped(array, shape, where)


def shaped(array: NDArray[_Number], shape: Sequence[int], where: str) -> NDArray[_Number]:
    """Return *array* in the declared shape.

    Raises:
        EventDecodeError: it has another number of values.
    """
    if array.size != math.prod(shape):
        raise EventDecodeError(
            f"{where} has {array.size} values, but its shape {list(shape)} declares "
            f"{math.prod(shape)}"
        )
    return array.reshape(tuple(shape))


def to_images(
    array: NDArray[np.generic], settings: TensorSettings, where: str
) -> tuple[Image, ...]:
    """Return the pictures in *array*.

    Args:
        array: ``(H, W)``, a picture with channels, or several of these; or the bytes of encoded
            files, ``(bytes,)`` or ``(n, bytes)``, filled up with zeros.

    Raises:
        EventDecodeError: the shape is not one of pictures, or the values are not those of pixels.
        EventUnsupported: the bytes are a file of a kind that is not read.
    """
    files = _files(array)
    if files:
        _refuse_many(len(files), settings, where)
        return tuple(decode_image(one, settings.image) for one in files)
    pictures = _channels_last(array, settings, where)
    _refuse_many(len(pictures), settings, where)
    n_pixels = math.prod(pictures.shape[1:3])
    if n_pixels > settings.max_pixels or not n_pixels:
        raise EventDecodeError(
            f"{where} is too large a picture: got {n_pixels} pixels, wanted 1 to "
            f"{settings.max_pixels}; raise batch.max_image_pixels if such are meant"
        )
    values = pixel_bytes(pictures, settings.value_settings, where)
    if values.shape[3] == 1:
        return tuple(np.repeat(values, 3, axis=3))
    return tuple(np.ascontiguousarray(values[..., :3]))


def _files(array: NDArray[np.generic]) -> list[bytes]:
    """Return the encoded files whose bytes the values are, none where they are pixels."""
    if array.ndim not in (1, 2) or array.shape[-1] < _FILE_BYTES:
        return []
    rows = array.reshape(-1, array.shape[-1])
    if any(_file_kind(row[:_FILE_BYTES]) is None for row in rows):
        return []
    return [row.astype(np.uint8).tobytes() for row in rows]


def _file_kind(head: NDArray[np.generic]) -> FileKind | None:
    as_bytes = head.astype(np.uint8)
    return sniff(as_bytes.tobytes()) if np.array_equal(as_bytes, head) else None


def _refuse_many(n: int, settings: TensorSettings, where: str) -> None:
    if n > settings.max_images:
        raise EventDecodeError(
            f"{where} has too many pictures: got {n}, wanted at most {settings.max_images}; raise "
            "events.max_images_per_message if such are meant"
        )


def _channels_last(
    array: NDArray[np.generic], settings: TensorSettings, where: str
) -> NDArray[np.generic]:
    """Return the pictures as ``(n, H, W, channels)``."""
    layout = settings.layout
    if array.ndim == 2 or (array.ndim == _PICTURE and layout == "hw"):  # noqa: PLR2004 - H and W
        return array.reshape(-1, *array.shape[-2:], 1)
    if array.ndim not in (_PICTURE, _MAX_DIMENSIONS):
        raise EventDecodeError(
            f"{where} is not a picture: got an array of shape {list(array.shape)}, wanted "
            "(height, width, channels), (channels, height, width) or several of these"
        )
    if layout == "auto":
        layout = _seen_layout(array, settings.image.sight, where)
    pictures = array if array.ndim == _MAX_DIMENSIONS else array[None]
    if layout == "hw" and array.ndim == _PICTURE:
        return array[..., None]
    if layout == "hwc" and pictures.shape[3] in _CHANNELS:
        return pictures
    if layout == "chw" and pictures.shape[1] in _CHANNELS:
        return pictures.transpose(0, 2, 3, 1)
    raise EventDecodeError(
        f"{where} is not a picture: got an array of shape {list(array.shape)}, wanted 1, 3 or 4 "
        f"channels last or first (events.tensor_layout is {settings.layout!r}); set it to 'hw' if "
        "these are grey pictures without channels"
    )


def _seen_layout(array: NDArray[np.generic], sight: FirstSight, where: str) -> ChannelLayout:
    """Return where the channels are; three axes that begin with 1, 3 or 4 are a stream's matter.

    ``(3, H, W)`` is one picture in colour or three grey ones. A stream of which ``(1, H, W)`` was
    seen first has grey pictures, and later ones are several of these.
    """
    is_last, is_first = array.shape[-1] in _CHANNELS, array.shape[-3] in _CHANNELS
    decided = sight.answer(_AXES)
    if array.ndim == _MAX_DIMENSIONS or is_last:
        return "hwc" if is_last and not (is_first and decided == "chw") else "chw"
    n = array.shape[0]
    says = f"{where} has the shape {list(array.shape)}; events.tensor_layout says otherwise"
    if decided is None and is_first:
        decided = sight.decide(_AXES, "hw" if n == 1 else "chw", says)
    elif decided == "chw" and n == 1:
        sight.tell_once(
            _AXES,
            f"{where} has one grey picture, where three or four pictures in one were taken for "
            'colours before; set events.tensor_layout = "hw" if those were grey pictures, too',
        )
    return "hw" if decided == "hw" else "chw"
