"""Tensors that follow the JSON as bytes, as Triton's clients send them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import EventSchemaError
from ..untrusted.text import scalar_text

LENGTH_HEADER = "inference-header-content-length"
"""Says how many bytes of the value are JSON."""

_TYPES: Mapping[str, str] = {
    "BOOL": "?", "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "i1",
    "INT16": "<i2", "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
_HALF = "BF16"
"""The upper half of FP32, which numpy has no type for."""
_LENGTH_BYTES = 4
_MAX_DIGITS = 10
_MAX_ELEMENTS = 4096  # more pictures than any message may have


def split_value(value: bytes, length: str | None) -> tuple[bytes, bytes]:
    """Return the JSON and what follows it.

    Raises:
        EventSchemaError: the length is not one within the value.
    """
    if length is None:
        return value, b""
    is_number = length.isascii() and length.isdigit() and len(length) <= _MAX_DIGITS
    if not is_number or int(length) > len(value):
        raise EventSchemaError(
            f"header {LENGTH_HEADER!r} is wrong: got {length[:24]!r}, the value has {len(value)} "
            "bytes"
        )
    return value[: int(length)], value[int(length) :]


def raw_tensor(
    raw: bytes, datatype: object, shape: Sequence[int], where: str
) -> NDArray[np.generic]:
    """Return the tensor in *raw*, in rows, little end first.

    Raises:
        EventSchemaError: pixels have no such datatype, or the bytes are not as many as the shape says.
    """
    name = scalar_text(datatype, f"{where}: the datatype", max_characters=16)
    if name is None or (name not in _TYPES and name != _HALF):
        raise EventSchemaError(
            f"{where}: pixels cannot have the datatype {name!r}, wanted {', '.join(_TYPES)}, {_HALF}"
        )
    kind = np.dtype("<u2" if name == _HALF else _TYPES[name])
    if len(raw) != math.prod(shape) * kind.itemsize:
        raise EventSchemaError(
            f"{where} has {len(raw)} bytes, but its shape {list(shape)} of {name} declares "
            f"{math.prod(shape) * kind.itemsize}"
        )
    array = np.frombuffer(raw, kind).reshape(tuple(shape))
    return (array.astype(np.uint32) << 16).view(np.float32) if name == _HALF else array


def typed(array: NDArray[np.float64], datatype: object) -> NDArray[np.generic]:
    """Return numbers of the JSON in the datatype that is declared for them.

    Fractions stay float64, and so does what is not of the declared type: the values themselves then
    say what they are.
    """
    kind = np.dtype(_TYPES.get(str(datatype), "f8"))
    if kind.kind == "f":
        return array
    with np.errstate(invalid="ignore"):
        found = array.astype(kind)
    return found if np.array_equal(found, array) else array


def raw_elements(raw: bytes, where: str) -> list[object]:
    """Return the byte strings in *raw*, each after its length in four bytes.

    Raises:
        EventSchemaError: a length goes beyond the end.
    """
    found: list[object] = []
    at = 0
    while at < len(raw) and len(found) <= _MAX_ELEMENTS:
        end = at + _LENGTH_BYTES + int.from_bytes(raw[at : at + _LENGTH_BYTES], "little")
        if end > len(raw) or at + _LENGTH_BYTES > len(raw):
            raise EventSchemaError(
                f"{where}: an element's length goes beyond the end: got {end}, of {len(raw)} bytes"
            )
        found.append(raw[at + _LENGTH_BYTES : end])
        at = end
    return found
