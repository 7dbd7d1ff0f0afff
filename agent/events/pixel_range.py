"""Pixel values of any number type in, 8 bits out: by the range that the stream's values have."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import EventDecodeError
from .first_sight import FirstSight
from .pixel_choices import ValueRange
from .pixel_depth import BYTE_BITS, WORD_BITS, note_depth

_SLACK = 1e-3
_TOP = 255
_RANGE, _WORDS = "tensor_range", "bits of UINT16 tensors"
_FRACTIONS, _WHOLE = "0-1", "0-255"
_NORMALISED = (
    "values that are normalised for the model cannot be converted back: log the picture before that "
    "step, or send its taps"
)


@dataclass(frozen=True, slots=True)
class _Range:
    """Where black and white are.

    Attributes:
        name: as a person is told.
    """

    black: float
    white: float
    name: str


_RANGES = {"0-255": _Range(0, _TOP, "0-255"), "0-1": _Range(0, 1, "0-1"),
           "-1 to 1": _Range(-1, 1, "-1 to 1")}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeSettings:
    """What the stream's pixel values mean.

    Attributes:
        value_range: ``auto`` is 0-255 for integer types, and for other numbers what the first
            message that shows it decides.
        bit_depth: bits of whole numbers in types of more than 8; None is 8, and 16 for UINT16.
        sight: what earlier messages decided.
    """

    value_range: ValueRange
    bit_depth: int | None
    sight: FirstSight


@dataclass(frozen=True, slots=True)
class _Values:
    """The pixel values of a message, which have one range.

    Attributes:
        where: what holds them, for the reason of a refusal.
    """

    array: NDArray[np.generic]
    low: float
    high: float
    where: str

    @property
    def span(self) -> str:
        return f"{self.where} has values from {self.low:.4g} to {self.high:.4g}"


def pixel_bytes(
    array: NDArray[np.generic], settings: RangeSettings, where: str
) -> NDArray[np.uint8]:
    """Return the values as 0 to 255.

    Args:
        array: all pictures of a message: they have one range. Numbers of no declared type are
            float64.

    Raises:
        EventDecodeError: they are not those of pixels, or beyond the range that the stream has.
    """
    if array.dtype == np.uint8 and settings.value_range != "0-1":
        return array.astype(np.uint8, copy=False)
    if array.dtype == np.bool_:
        return np.where(array, _TOP, 0).astype(np.uint8)
    values = _Values(array, float(array.min()), float(array.max()), where)
    if not math.isfinite(values.low) or not math.isfinite(values.high):
        raise EventDecodeError(f"{where} has pixel values that are not finite numbers")
    meant = _range(values, settings)
    _refuse_beyond(values, meant, settings)
    return _scaled(array.astype(np.float32), meant)


def _scaled(values: NDArray[np.float32], meant: _Range) -> NDArray[np.uint8]:
    if meant.white > _TOP:  # more bits: the upper 8 of them, as of files
        values = np.floor(values * ((_TOP + 1) / (meant.white + 1)))
    else:
        values = (values - meant.black) * (_TOP / (meant.white - meant.black))
    scaled: NDArray[np.uint8] = values.round().clip(0, _TOP).astype(np.uint8)
    return scaled


def _range(values: _Values, settings: RangeSettings) -> _Range:
    if settings.value_range != "auto":
        return _RANGES[settings.value_range]
    if values.array.dtype.kind != "f":
        return _whole_range(_integer_bits(values, settings))
    whole = _whole_range(settings.bit_depth or BYTE_BITS)
    decided = settings.sight.answer(_RANGE) or _seen(values, whole, settings.sight)
    return _RANGES[_FRACTIONS] if decided == _FRACTIONS else whole


def _whole_range(bits: int) -> _Range:
    top = 2**bits - 1
    return _Range(0, top, f"0-{top}")


def _integer_bits(values: _Values, settings: RangeSettings) -> int:
    if settings.bit_depth is not None:
        return settings.bit_depth
    if values.array.dtype != np.uint16:
        return BYTE_BITS
    if settings.sight.answer(_WORDS) is None:
        if values.high <= _TOP:
            return BYTE_BITS
        note_depth(int(values.high), settings.sight, values.where)
        says = f"{values.span}; events.bit_depth says otherwise"
        settings.sight.decide(_WORDS, str(WORD_BITS), says)
    return WORD_BITS


def _seen(values: _Values, whole: _Range, sight: FirstSight) -> str:
    """Return which range the values have, and decide it for the stream where they show it."""
    if values.low < -_SLACK or values.high > whole.white * (1 + _SLACK):
        return _WHOLE  # to be refused, and no example for others
    says = f"{values.span}; events.tensor_range says otherwise"
    if values.high > 1 + _SLACK:
        return sight.decide(_RANGE, _WHOLE, says)
    if (values.array != np.floor(values.array.astype(np.float64))).any():
        return sight.decide(_RANGE, _FRACTIONS, says)
    if values.high:
        sight.tell_once(
            _RANGE,
            f"{values.where} has only the values 0 and 1, and is read as nearly black, in 0-255, "
            'until a message shows the range; set events.tensor_range = "0-1" if 1 is white',
        )
    return _WHOLE


def _refuse_beyond(values: _Values, meant: _Range, settings: RangeSettings) -> None:
    slack = _SLACK * (meant.white - meant.black)
    if meant.black - slack <= values.low and values.high <= meant.white + slack:
        return
    way_out = _way_out(values, meant, settings)
    raise EventDecodeError(f"{values.span}, wanted pixels in {meant.name}{way_out}")


def _way_out(values: _Values, meant: _Range, settings: RangeSettings) -> str:
    if values.low >= -_SLACK and settings.sight.answer(_RANGE) == meant.name == _FRACTIONS:
        return ", as an earlier message showed; set events.tensor_range if the range is another"
    if values.low >= -_SLACK:
        return "; set events.bit_depth if such pixels are expected"
    if values.low >= -1 - _SLACK and values.high <= 1 + _SLACK:
        return f'; set events.tensor_range = "-1 to 1" if these are pixels; {_NORMALISED}'
    return f"; {_NORMALISED}"
