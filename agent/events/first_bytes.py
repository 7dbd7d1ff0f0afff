"""What bytes are, told by how they begin: the one place that knows file signatures.

The format of a message, the decoder of a picture and the words of a refusal all ask here, so that a
file never has two names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of file.

    Attributes:
        name: as people call it.
        is_picture: this agent reads it, with a package installed or without.
        advice: what to do with one that is not read.
    """

    name: str
    is_picture: bool = False
    advice: str = "send the frame as a JPEG, PNG or WebP instead"


JPEG = FileKind("JPEG", is_picture=True)
PNG = FileKind("PNG", is_picture=True)
WEBP = FileKind("WebP", is_picture=True)
HEIC = FileKind("HEIC", is_picture=True)
AVIF = FileKind("AVIF", is_picture=True)

_VIDEO = "send single frames as JPEG, PNG or WebP instead"
_UNPACK = "send it uncompressed; Kafka's own compression.type does the same and is read"
_MP4 = FileKind("an MP4 video", advice=_VIDEO)
_QUICKTIME = FileKind("a QuickTime video", advice=_VIDEO)
_MPEG_PS = FileKind("an MPEG program stream", advice=_VIDEO)
_MPEG_TS = FileKind("an MPEG transport stream", advice=_VIDEO)
_WEBM = FileKind("a WebM video", advice=_VIDEO)
_MATROSKA = FileKind("a Matroska video", advice=_VIDEO)
_H264 = FileKind("raw H.264 video", advice=_VIDEO)
_H265 = FileKind("raw H.265 video", advice=_VIDEO)
_CR3 = FileKind("a Canon CR3 raw picture")
_TIFF = FileKind("a TIFF picture")
_CR2 = FileKind("a Canon CR2 raw picture")
_DICOM = FileKind("a DICOM file")
_PNM = FileKind("a Netpbm picture (PBM, PGM, PPM)")
_SVG = FileKind("an SVG drawing")
_HTML = FileKind(
    "an HTML page", advice="look at what the sender or the address gives: an error page or a login?"
)

_BY_PREFIX: tuple[tuple[bytes, FileKind], ...] = (
    (b"\xff\xd8\xff\xf7", FileKind("a JPEG-LS picture")),
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"\0\0\0\x0cjP  \r\n\x87\n", FileKind("a JPEG 2000 picture")),
    (b"\xff\x4f\xff\x51", FileKind("a JPEG 2000 picture")),
    (b"\0\0\0\x0cJXL \r\n\x87\n", FileKind("a JPEG XL picture")),
    (b"\xff\x0a", FileKind("a JPEG XL picture")),
    (b"II*\0", _TIFF),
    (b"MM\0*", _TIFF),
    (b"II+\0", FileKind("a BigTIFF picture")),
    (b"MM\0+", FileKind("a BigTIFF picture")),
    (b"IIU\0", FileKind("a Panasonic RW2 raw picture")),
    (b"IIRO", FileKind("an Olympus ORF raw picture")),
    (b"IIRS", FileKind("an Olympus ORF raw picture")),
    (b"MMOR", FileKind("an Olympus ORF raw picture")),
    (b"FUJIFILMCCD-RAW", FileKind("a Fujifilm RAF raw picture")),
    (b"GIF87a", FileKind("a GIF picture")),
    (b"GIF89a", FileKind("a GIF picture")),
    (b"8BPS", FileKind("a Photoshop picture")),
    (b"v/1\x01", FileKind("an OpenEXR picture")),
    (b"#?RADIANCE", FileKind("a Radiance HDR picture")),
    (b"qoif", FileKind("a QOI picture")),
    (b"SIMPLE  =", FileKind("a FITS file")),
    (b"FLV\x01", FileKind("a Flash video", advice=_VIDEO)),
    (b"OggS", FileKind("an Ogg file", advice=_VIDEO)),
    (b"DKIF", FileKind("an IVF video", advice=_VIDEO)),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", FileKind("a Windows Media file", advice=_VIDEO)),
    (b"%PDF-", FileKind("a PDF document")),
    (b"%!PS", FileKind("a PostScript document")),
    (b"PK\x03\x04", FileKind("a ZIP archive", advice=_UNPACK)),
    (b"\x1f\x8b\x08", FileKind("gzip-compressed data", advice=_UNPACK)),
    (b"\x28\xb5\x2f\xfd", FileKind("zstd-compressed data", advice=_UNPACK)),
    (b"\x04\x22\x4d\x18", FileKind("lz4-compressed data", advice=_UNPACK)),
    (b"BZh", FileKind("bzip2-compressed data", advice=_UNPACK)),
    (b"\xfd7zXZ\0", FileKind("xz-compressed data", advice=_UNPACK)),
    (b"\x93NUMPY", FileKind("a NumPy array (.npy)")),
    (b"\x89HDF\r\n\x1a\n", FileKind("an HDF5 file")),
    (b"Obj\x01", FileKind("an Avro container file", advice="send single records instead")),
    (b"PAR1", FileKind("a Parquet file", advice="send single records instead")),
)
_BY_RIFF = {
    b"WEBP": WEBP,
    b"AVI ": FileKind("an AVI video", advice=_VIDEO),
    b"WAVE": FileKind("a WAV sound"),
}
_HEIF_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2",
     b"msf1"}
)  # fmt: skip
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_BOX = re.compile(rb"[\x20-\x7e]{4}")
_QUICKTIME_BOXES = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
_LARGEST_BRANDS = 512
_BMP_HEADS = frozenset({12, 40, 52, 56, 64, 108, 124})

_START = rb"\0\0\0?\x01"
_H264_SPS = re.compile(
    rb"\0?\0\0\x01(?:\x09[\x10-\xf0]\0?\0\0\x01)?[\x27\x47\x67]"
    rb"[\x42\x4d\x58\x64\x6e\x7a\xf4\x2c].[\x09-\x3e]",
    re.DOTALL,
)
_H264_PPS = re.compile(_START + rb"[\x28\x48\x68]")
_H265_VPS = re.compile(rb"\0?\0\0\x01(?:\x46\x01[\x10-\xf0]\0?\0\0\x01)?\x40\x01")
_H265_SPS = re.compile(_START + rb"\x42\x01")
_PARAMETER_SETS = 512
"""Bytes within which a raw video's second parameter set must begin."""

_TS_PACKET = 188
_TEXT_HEAD = 512


def sniff(value: bytes) -> FileKind | None:
    """Return what *value* is by its first bytes, None when they say nothing.

    Only signatures that no other format's records begin with count: a schema registry's framing is
    a zero byte and any number, so what begins with zeros is held to more than four bytes.
    """
    for prefix, kind in _BY_PREFIX:
        if value.startswith(prefix):
            return _CR2 if kind is _TIFF and value[8:10] == b"CR" else kind
    if value.startswith(b"RIFF"):
        return _BY_RIFF.get(value[8:12])
    return _boxed(value) or _video(value) or _other_binary(value) or _text(value)


def _boxed(value: bytes) -> FileKind | None:
    """Return the kind of an ISO base media file, which is made of boxes with a size and a name."""
    size, name = int.from_bytes(value[:4], "big"), value[4:8]
    if name == b"ftyp" and _BOX.fullmatch(value[8:12]) and size <= _LARGEST_BRANDS:
        return _branded(value[8:12], value[16:size])
    if name in _QUICKTIME_BOXES and size >= len(name) * 2:
        following = value[size + 4 : size + 8]
        return _QUICKTIME if following in _QUICKTIME_BOXES or size == len(value) else None
    return None


def _branded(major: bytes, compatible: bytes) -> FileKind:
    brands = {major, *(compatible[at : at + 4] for at in range(0, len(compatible), 4))}
    if brands & _AVIF_BRANDS:
        return AVIF
    if brands & _HEIF_BRANDS:
        return HEIC
    if major == b"crx ":
        return _CR3
    return _QUICKTIME if major == b"qt  " else _MP4


def _video(value: bytes) -> FileKind | None:
    if value.startswith(b"\x1a\x45\xdf\xa3"):
        return _WEBM if b"webm" in value[:64] else _MATROSKA
    if len(value) > _TS_PACKET and value[0] == value[_TS_PACKET] == ord("G"):
        return _MPEG_TS if value[2 * _TS_PACKET : 2 * _TS_PACKET + 1] in (b"G", b"") else None
    head = value[:_PARAMETER_SETS]
    if found := _H264_SPS.match(head):
        return _H264 if _H264_PPS.search(head, found.end()) else None
    if found := _H265_VPS.match(head):
        return _H265 if _H265_SPS.search(head, found.end()) else None
    return _MPEG_PS if _is_program_stream(value) else None


def _is_program_stream(value: bytes) -> bool:
    """Return whether *value* begins with an MPEG-2 pack header, and another one follows."""
    if not value.startswith(b"\0\0\x01\xba") or len(value) < 14:  # noqa: PLR2004 - a pack header
        return False
    marks = ((4, 0xC4, 0x44), (6, 0x04, 0x04), (8, 0x04, 0x04), (9, 0x01, 0x01), (12, 0x03, 0x03))
    follows = 14 + (value[13] & 7)
    is_followed = value[follows : follows + 3] == b"\0\0\x01"
    return is_followed and all(value[at] & mask == wanted for at, mask, wanted in marks)


def _other_binary(value: bytes) -> FileKind | None:
    if value[128:132] == b"DICM":
        return _DICOM
    if value.startswith(b"BM") and int.from_bytes(value[14:18], "little") in _BMP_HEADS:
        return FileKind("a BMP picture")
    return _PNM if re.match(rb"P[1-6][ \t\r\n]+[#\d]", value) else None


def _text(value: bytes) -> FileKind | None:
    head = value[:_TEXT_HEAD].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if head.startswith((b"<!doctype html", b"<html")):
        return _HTML
    is_drawing = head.startswith(b"<svg") or (
        head.startswith((b"<?xml", b"<!")) and b"<svg" in head
    )
    return _SVG if is_drawing else None
