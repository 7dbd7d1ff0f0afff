"""Pixels of more than 8 bits in, 8 bits out: by the stream's bit depth, which a file does not say."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import EventDecodeError
from .first_sight import FirstSight

BYTE_BITS = 8
WORD_BITS = 16
_CAMERA_BITS = (8, 10, 12, 14)
_QUESTION = "bit_depth"


def eight_bits(
    pixels: NDArray[np.uint16], bit_depth: int | None, sight: FirstSight, where: str
) -> NDArray[np.uint8]:
    """Return the upper 8 of the bits that the pixels have.

    Args:
        bit_depth: as the settings say; None is all 16, with one warning where fewer are in use.
        where: what holds the pixels, for the reason of a refusal.

    Raises:
        EventDecodeError: a value needs more bits than *bit_depth*.
    """
    deepest = int(pixels.max())
    if bit_depth is None:
        note_depth(deepest, sight, where)
        bit_depth = WORD_BITS
    elif deepest >> bit_depth:
        raise EventDecodeError(
            f"{where} has a pixel of {deepest}, wanted at most {2**bit_depth - 1}: events.bit_depth "
            f"is {bit_depth}; set it to {deepest.bit_length()} or more if such pixels are expected"
        )
    narrowed: NDArray[np.uint8] = (pixels >> (bit_depth - BYTE_BITS)).astype(np.uint8)
    return narrowed


def note_depth(deepest: int, sight: FirstSight, where: str) -> None:
    """Warn once of 16-bit pixels whose largest value would fit in a camera's 8 to 14 bits.

    Once a stream showed more, a dark picture is a dark picture.
    """
    enough = next((bits for bits in _CAMERA_BITS if not deepest >> bits), None)
    if enough is None:
        sight.decide(_QUESTION, "16", f"{where} has a pixel of {deepest}")
    elif deepest and sight.answer(_QUESTION) is None:
        sight.tell_once(
            _QUESTION,
            f"{where} has 16-bit pixels of at most {deepest}, which {enough} bits hold, and is read "
            f"as nearly black: if the camera gives {enough} bits, set events.bit_depth = {enough}; "
            "if all 16 bits are meant, set it to 16",
        )
