"""Lists of pixel values in, RGB pictures out; shapes are checked before anything is allocated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import EventDecodeError, EventSchemaError
from .payload import Image

Layout = Literal["auto", "hwc", "chw"]
ValueRange = Literal["auto", "0-255", "0-1"]

_CHANNELS = (1, 3, 4)
_MAX_DIMENSIONS = 4
_PICTURE = 3
_SLACK = 1e-3
_DEEPEST = 255.0
_LARGEST_WHOLE = 2.0**31


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorSettings:
    """How pixel values are laid out.

    Attributes:
        layout: where the channels are; ``auto`` takes the last axis when it has 1, 3 or 4 values,
            else the first.
        value_range: ``auto`` takes whole numbers as 0-255, and fractions as 0-1 when none is above
            one.
        max_pixels: of all pictures of one message.
        max_images: of one message.
    """

    layout: Layout = "auto"
    value_range: ValueRange = "auto"
    max_pixels: int = 40_000_000
    max_images: int = 32


def check_shape(shape: object, settings: TensorSettings, where: str) -> tuple[int, ...]:
    """Return *shape* as the message declares it, once it is one of pictures within the bounds.

    Raises:
        EventSchemaError: it is none.
    """
    if not isinstance(shape, list | tuple) or not 1 <= len(shape) <= _MAX_DIMENSIONS:
        raise EventSchemaError(
            f"{where}: the shape is none of a picture: got {str(shape)[:60]}, "
            "wanted 1 to 4 whole numbers"
        )
    sizes = [size for size in shape if isinstance(size, int) and not isinstance(size, bool)]
    limit = 4 * settings.max_pixels
    if len(sizes) < len(shape) or min(sizes) < 1 or math.prod(sizes) > limit:
        raise EventSchemaError(
            f"{where}: the shape is none of a picture: got {str(shape)[:60]}, wanted sizes from 1 "
            f"on with at most {limit} values in all"
        )
    return tuple(sizes)


def number_array(values: object, shape: Sequence[int] | None, where: str) -> NDArray[np.generic]:
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
        raise EventDecodeError(f"{where} is no array of numbers: {str(error)[:120]}") from error
    if not _begins_with_fraction(values) and _is_whole(array):
        array = array.astype(np.int32)
    return array if shape is None else shaped(array, shape, where)


def _begins_with_fraction(values: object) -> bool:
    while isinstance(values, list) and values:
        values = values[0]
    return isinstance(values, float)


def _is_whole(array: NDArray[np.float64]) -> bool:
    return bool((np.abs(array) < _LARGEST_WHOLE).all() and (array == np.floor(array)).all())


def shaped(array: NDArray[np.generic], shape: Sequence[int], where: str) -> NDArray[np.generic]:
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
    """Return the pictures in *array*: ``(H, W)``, a picture with channels, or several of these.

    Raises:
        EventDecodeError: the shape is none of pictures, or the values are none of pixels.
    """
    pictures = array if array.ndim == _MAX_DIMENSIONS else array[None]
    if array.ndim not in (2, _PICTURE, _MAX_DIMENSIONS):
        raise EventDecodeError(
            f"{where} is no picture: got an array of shape {list(array.shape)}, wanted "
            "(height, width, channels), (channels, height, width) or several of these"
        )
    if len(pictures) > settings.max_images:
        raise EventDecodeError(
            f"{where} has too many pictures: got {len(pictures)}, wanted at most "
            f"{settings.max_images}; raise events.max_images_per_message if such are meant"
        )
    return tuple(_image(one, settings, where) for one in pictures)


def _image(array: NDArray[np.generic], settings: TensorSettings, where: str) -> Image:
    picture = _channels_last(array, settings.layout, where)
    n_pixels = picture.shape[0] * picture.shape[1]
    if n_pixels > settings.max_pixels or not n_pixels:
        raise EventDecodeError(
            f"{where} is too large a picture: got {n_pixels} pixels, wanted 1 to "
            f"{settings.max_pixels}; raise batch.max_image_pixels if such are meant"
        )
    values = _bytes(picture, settings.value_range, where)
    if values.shape[2] == 1:
        return np.repeat(values, 3, axis=2)
    return np.ascontiguousarray(values[:, :, :3])


def _channels_last(array: NDArray[np.generic], layout: Layout, where: str) -> NDArray[np.generic]:
    if array.ndim == 2:  # noqa: PLR2004 - height and width
        return array[:, :, None]
    first, last = array.shape[0] in _CHANNELS, array.shape[2] in _CHANNELS
    if layout != "chw" and last:
        return array
    if layout != "hwc" and first:
        return array.transpose(1, 2, 0)
    raise EventDecodeError(
        f"{where} is no picture: got an array of shape {list(array.shape)}, wanted 1, 3 or 4 "
        f"channels last or first (events.tensor_layout is {layout!r})"
    )


def _bytes(array: NDArray[np.generic], value_range: ValueRange, where: str) -> Image:
    if array.dtype == np.uint8 and value_range != "0-1":
        return array.astype(np.uint8, copy=False)
    low, high = float(array.min()), float(array.max())
    if not math.isfinite(low) or not math.isfinite(high):
        raise EventDecodeError(f"{where} has pixel values that are no numbers")
    if value_range == "auto":
        value_range = "0-1" if array.dtype.kind == "f" and high <= 1 + _SLACK else "0-255"
    scale = _DEEPEST if value_range == "0-1" else 1.0
    if low < -_SLACK or high * scale > _DEEPEST * (1 + _SLACK):
        raise EventDecodeError(
            f"{where} has values from {low:.4g} to {high:.4g}, wanted pixels in {value_range}; "
            "values that are normalised for the model cannot be turned back: log the picture "
            "before that step, or send its taps"
        )
    values = array.astype(np.float32)
    scaled: Image = (values * scale).round().clip(0, _DEEPEST).astype(np.uint8)
    return scaled
