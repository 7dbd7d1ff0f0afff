"""Named arrays as compact bytes, to be stored."""

from __future__ import annotations

import json
import zlib

import numpy as np

from .drift_test import Arrays

_LEVEL = 1
"""Of compression: evidence is written each minute."""


def pack(arrays: Arrays) -> bytes:
    """Return the arrays of one segment as bytes."""
    names = sorted(arrays)
    heads = [[name, arrays[name].dtype.str, list(arrays[name].shape)] for name in names]
    head = json.dumps(heads, separators=(",", ":")).encode()
    values = b"".join(np.ascontiguousarray(arrays[name]).tobytes() for name in names)
    return zlib.compress(len(head).to_bytes(4, "little") + head + values, _LEVEL)


def unpack(packed: bytes) -> Arrays:
    """Return what `pack` wrote."""
    content = zlib.decompress(packed)
    at = 4 + int.from_bytes(content[:4], "little")
    arrays: Arrays = {}
    for name, kind, shape in json.loads(content[4:at]):
        size = int(np.prod(shape, dtype=np.int64))
        values = np.frombuffer(content, dtype=np.dtype(kind), count=size, offset=at)
        arrays[name] = values.reshape(shape)
        at += values.nbytes
    return arrays


def shapes_of(arrays: Arrays) -> tuple[tuple[str, str, tuple[int, ...]], ...]:
    """Return name, type and shape of each array; those of two segments that are equal stack."""
    return tuple((name, arrays[name].dtype.str, arrays[name].shape) for name in sorted(arrays))
