"""Hostile pictures: bombs, extreme aspect ratios, lies about lengths, and things that are two at once."""

from __future__ import annotations

import gzip
import io
import random
import struct
import zipfile
import zlib
from functools import cache

import numpy as np
from PIL import Image, PngImagePlugin

from tests.agent.records import encoded, picture

from .picture_files import HEIC
from .samples import as_json, b64


@cache
def bombs() -> list[bytes]:
    sizes = [(60_000, 60_000), (2**31 - 1, 1), (1, 2**31 - 1), (0, 5), (2000, 1999)]
    pngs = [_png(width, height, zlib.compress(bytes(100))) for width, height in sizes]
    inflating = _png(64, 64, zlib.compress(bytes(50_000_000), 9))
    texts = [_with_text(_chunk(b"zTXt", b"k\0\0" + zlib.compress(b"a" * 30_000_000)))]
    texts.append(_with_text(_chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(30_000_000)))))
    texts.append(_with_text(_chunk(b"iTXt", b"k\0\1\0\0\0" + zlib.compress(b"a" * 30_000_000))))
    texts.append(_with_text(_chunk(b"tEXt", b"k\0" + b"a" * 500) * 3000))
    jpeg = encoded(picture())
    frame = jpeg.index(b"\xff\xc0")
    giant = jpeg[: frame + 5] + b"\xff\xff\xff\xff" + jpeg[frame + 9 :]
    progressive = encoded(picture(), progressive=True)
    scan = progressive.index(b"\xff\xda")
    scans = progressive[:-2] + progressive[scan:-2] * 500 + b"\xff\xd9"
    markers = b"\xff\xd8" + b"\xff\xe1\0\2" * 50_000 + jpeg[2:]
    exif = b"\xff\xd8\xff\xe1\xff\xff" + b"Exif\0\0" + bytes(range(256)) * 255 + jpeg[2:]
    webp = bytearray(encoded(picture(), "WEBP"))
    webp[26:30] = b"\xff\x3f\xff\x3f"
    lossless = encoded(Image.new("RGB", (2000, 1900)), "WEBP", lossless=True)
    frames = _animation()
    frames.append(jpeg[:-2] + b"\xff\xe1\0\2" * 500_000)
    frames.append(encoded(picture(), progressive=True)[:-2])
    frames.append(_png(64, 64, b"")[:-12] + _chunk(b"IDAT", b"") * 150_000)
    frames.append(HEIC[:120] + b"\x7f\xff\xff\xff" * 8 + HEIC[152:])
    frames.append(heif_of_claimed_size(60_000, 60_000))
    return [*pngs, inflating, *texts, giant, scans, markers, exif, bytes(webp), lossless, *frames]


def heif_of_claimed_size(width: int, height: int) -> bytes:
    """Return a HEIC whose property says that it is so large."""
    at = HEIC.index(b"ispe") + 8
    return HEIC[:at] + struct.pack(">II", width, height) + HEIC[at + 8 :]


def _animation() -> list[bytes]:
    pictures = [Image.new("RGB", (64, 64), (number, 0, 0)) for number in range(200)]
    found = []
    for kind in ("WEBP", "PNG"):
        sink = io.BytesIO()
        pictures[0].save(sink, kind, save_all=True, append_images=pictures[1:])
        found.append(sink.getvalue())
    return found


def _chunk(kind: bytes, body: bytes, *, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return struct.pack(">I", size) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png(width: int, height: int, data: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = _chunk(b"IHDR", head) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")
    return PngImagePlugin._MAGIC + chunks


def _with_text(chunk: bytes) -> bytes:
    png = encoded(picture(), "PNG")
    return png[:33] + chunk + png[33:]


def lying_chunks(rng: random.Random) -> bytes:
    """A PNG or WebP whose inner lengths are wrong, with right checksums."""
    if rng.random() < 0.5:
        webp = bytearray(encoded(picture(), "WEBP"))
        at = rng.choice([4, 16])
        webp[at : at + 4] = struct.pack("<I", rng.choice([0, 1, 2**31, 2**32 - 1, len(webp)]))
        return bytes(webp)
    body = rng.randbytes(rng.choice([0, 13, 300]))
    kind = rng.choice(
        [b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"acTL", b"fcTL", b"fdAT", b"eXIf", b"gAMA"]
    )
    length = rng.choice([None, 0, 1, 2**31 - 1, 2**32 - 1])
    return _with_text(_chunk(kind, body, length=length))


@cache
def wrapped() -> list[bytes]:
    jpeg = encoded(picture())
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.jpg", jpeg)
        archive.writestr("zeros", bytes(1_000_000))
    return [
        gzip.compress(jpeg), sink.getvalue(), jpeg + sink.getvalue(), gzip.compress(bytes(10_000_000)),
        jpeg + jpeg, jpeg + encoded(picture(), "PNG"), encoded(picture(), "PNG") + jpeg,
        b"\xff\xd8\xff" + encoded(picture(), "PNG"), as_json({"image": b64(gzip.compress(jpeg))}),
        encoded(picture(), "GIF"), encoded(picture(), "TIFF"), encoded(picture(), "BMP"),
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\xef\xbb\xbf" + as_json({"image": b64()}),
        as_json({"image": b64()}).decode().encode("utf-16"),
    ]  # fmt: skip


@cache
def heavy() -> list[bytes]:
    plain = np.zeros((300, 300), np.uint8)
    found = [as_json({"instances": [plain.tolist()]})]
    for side in (500, 1000, 1999):
        image = Image.fromarray(np.zeros((side, side), np.uint8))
        found += [encoded(image, kind) for kind in ("PNG", "WEBP", "JPEG")]
    return found


@cache
def strips() -> list[bytes]:
    """Return a few bytes each, which a transform would scale to gigabytes; some are just allowed."""
    sizes = [(60_000, 1), (1, 60_000), (16_000, 2), (101, 1), (100, 1), (1, 100), (3000, 30)]
    pictures = [encoded(Image.new("RGB", size), "PNG") for size in sizes]
    longest = [[[0, 0, 0]] * 60_000]
    return [
        *pictures,
        encoded(Image.new("L", (16_000, 1)), "WEBP"),
        as_json({"instances": [longest]}),
    ]
