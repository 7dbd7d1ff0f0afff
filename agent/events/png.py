"""The chunks of a PNG: what its pixels need, with checksums that hold, and nothing else."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np

from ..errors import EventDecodeError, EventUnsupported

_SIGNATURE_BYTES = 8
_HEADER = struct.Struct(">I4s")
_CHECKSUM_BYTES = 4
_ANCILLARY = 0x20
_NEEDED = frozenset({b"tRNS", b"eXIf"})
"""Ancillary chunks that what we return depends on. Of an animation the still picture counts."""

_END = b"IEND"
_MAX_CHUNKS = 100_000
_DEPTH_AT = 24
_SIXTEEN = 16
_IMAGE_HEADER = struct.Struct(">II5B")
_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
"""Colour type to channels, of those that have 16 bits."""


def is_sixteen_bit(value: bytes) -> bool:
    """Return whether the header says 16 bits a channel."""
    return value[_DEPTH_AT : _DEPTH_AT + 1] == bytes([_SIXTEEN])


def needed_chunks(value: bytes) -> bytes:
    """Return *value* without the chunks that its pixels do not need, such as text and time.

    So a fault in one of those does not cost the picture. What follows the end is left out, too.

    Raises:
        EventDecodeError: a chunk that the pixels need has a wrong checksum, or there are too many.
    """
    kept = [value[:_SIGNATURE_BYTES]]
    for name, start, end in _chunks(value):
        is_ancillary = bool(name[0] & _ANCILLARY)
        if is_ancillary and name not in _NEEDED:
            continue
        if name != _END and not _holds(value, start, end):
            if is_ancillary:
                continue
            raise EventDecodeError(
                f"the PNG's chunk {name.decode('latin-1')!r} has a wrong checksum: its bytes were "
                "changed on the way; check the sender and the network path from it"
            )
        kept.append(value[start:end])
    return b"".join(kept)


def low_bytes(value: bytes) -> bytes:
    """Return a PNG of 8 bits whose pixels are the lower bytes of a 16-bit one.

    Pillow gives the upper bytes of colours only. A filter of PNG looks at bytes of its own kind
    alone: the lower byte of the pixel before, above, and before that one. So the lower bytes of
    filtered rows are filtered rows themselves.

    Raises:
        EventDecodeError: it is truncated or broken.
        EventUnsupported: it is interlaced.
    """
    width, height, _, colour, *_, interlaced = _IMAGE_HEADER.unpack_from(value, 16)
    if interlaced:
        raise EventUnsupported(
            "the PNG is interlaced and has 16-bit colours, which are read with events.bit_depth = "
            "16 only: send it without interlacing"
        )
    row_bytes = 1 + 2 * width * _CHANNELS[colour]
    encoded = b"".join(
        value[start + _HEADER.size : end - _CHECKSUM_BYTES]
        for name, start, end in _chunks(value)
        if name == b"IDAT"
    )
    rows = zlib.decompressobj().decompress(encoded, height * row_bytes)
    if len(rows) < height * row_bytes:
        raise EventDecodeError("the PNG is truncated: its rows are fewer than its header says")
    words = np.frombuffer(rows, np.uint8).reshape(height, row_bytes)
    lower = np.concatenate([words[:, :1], words[:, 2::2]], axis=1)  # the filter, the lower bytes
    header = _IMAGE_HEADER.pack(width, height, 8, colour, 0, 0, 0)
    body = zlib.compress(lower.tobytes(), level=1)
    chunks = ((b"IHDR", header), (b"IDAT", body), (_END, b""))
    return value[:_SIGNATURE_BYTES] + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunk(name: bytes, body: bytes) -> bytes:
    return _HEADER.pack(len(body), name) + body + zlib.crc32(name + body).to_bytes(4, "big")


def _chunks(value: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield each chunk's name, and where it begins and ends; a last one may be cut short."""
    at = _SIGNATURE_BYTES
    for _ in range(_MAX_CHUNKS):
        if at + _HEADER.size > len(value):
            return
        length, name = _HEADER.unpack_from(value, at)
        end = at + _HEADER.size + length + _CHECKSUM_BYTES
        yield name, at, end
        if name == _END:
            return
        at = end
    raise EventDecodeError(f"the PNG has too many chunks: wanted at most {_MAX_CHUNKS}")


def _holds(value: bytes, start: int, end: int) -> bool:
    """Return whether the checksum is right; of a chunk that is cut short nothing can be said."""
    if end > len(value):
        return True
    found = zlib.crc32(memoryview(value)[start + 4 : end - _CHECKSUM_BYTES])
    return found == int.from_bytes(value[end - _CHECKSUM_BYTES : end], "big")
