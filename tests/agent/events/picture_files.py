"""Picture files as cameras, phones and recorders write them, made anew for the tests."""

from __future__ import annotations

import base64
import io
import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, GREY_ALPHA, RGBA = 0, 2, 4, 6

HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAXxtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAA"
    "AAAAACJpbG9jAAAAAERAAAEAAQAAAAABoAABAAAAAAAAAGQAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAA"
    "AA5waXRtAAAAAAABAAAA/GlwcnAAAADcaXBjbwAAAHVodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNw"
    "AAADAJAAAAMAAAMAHroCQGEAAQApQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbqrprm4CGgwIAAAAyAAAADAIRiAAEABkQBwXPB"
    "iQAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABAAAAAQAAAAChjbGFwAAAAIAAAAAEAAAAYAAAAAf///+AAAAAC"
    "////2AAAAAIAAAAQcGl4aQAAAAADCAgIAAAAGGlwbWEAAAAAAAAAAQABBYECAwWEAAAAbG1kYXQAAABgKAGvUhnoUIDm/iFo"
    "ZDiwOELf4QO0PG+WUwq0CzqD04sO5R7V2rAQot6p2fhvtzOhYq5lHUbqyabOiLTOd3K4BE3J8mkWRr/1kLBHTwCdMDIK4zEf"
    "HKn2a95QriKg7c5w"
)
"""32 x 24, H.265: red grows to the right, green downwards."""


def gradient(width: int = 128, height: int = 96) -> NDArray[np.uint8]:
    """Return a picture whose red grows to the right and green downwards."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [255 * x // (width - 1), 255 * y // (height - 1), np.full_like(x, 128)]
    return np.stack(planes, axis=-1).astype(np.uint8)


def saved(pixels: NDArray[np.uint8], kind: str = "JPEG", **options: object) -> bytes:
    sink = io.BytesIO()
    Image.fromarray(pixels).save(sink, kind, **options)
    return sink.getvalue()


def rotated_exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def chunk(name: bytes, body: bytes, checksum: int | None = None) -> bytes:
    found = zlib.crc32(name + body) if checksum is None else checksum
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", found)


def png(
    pixels: NDArray[np.integer],
    colour: int,
    *,
    bits: int = 8,
    before: bytes = b"",
    after: bytes = b"",
    data_checksum: int | None = None,
) -> bytes:
    """Return a PNG of ``(height, width, channels)``, with chunks *before* and *after* its data."""
    height, width = pixels.shape[:2]
    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    words = pixels.astype(">u2" if bits == 16 else np.uint8)
    body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in words))
    data = chunk(b"IDAT", body, data_checksum)
    return PNG_SIGNATURE + chunk(b"IHDR", head) + before + data + after + chunk(b"IEND", b"")


def without_huffman_tables(jpeg: bytes) -> bytes:
    """Return a JPEG as webcams send their frames: the standard's own tables are left out."""
    kept, at = jpeg[:2], 2
    while True:
        marker, length = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if marker != 0xC4:
            kept += jpeg[at : at + 2 + length]
        at += 2 + length
        if marker == 0xDA:
            return kept + jpeg[at:]
