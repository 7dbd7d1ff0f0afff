"""What a file is stands in the reason of its dead letter, whatever it calls itself."""

from __future__ import annotations

import gzip
import io

import numpy as np
import pytest
from PIL import Image

from driftgauge.agent.errors import EventError, EventUnsupported
from driftgauge.agent.events.decode import DecodeSettings
from driftgauge.agent.events.first_bytes import AVIF, HEIC, JPEG, PNG, WEBP, sniff
from tests.agent.records import NOON, decode_event, record

from .picture_files import gradient, saved


def heif(brand: bytes, *compatible: bytes) -> bytes:
    size = 16 + 4 * len(compatible)
    return size.to_bytes(4, "big") + b"ftyp" + brand + bytes(4) + b"".join(compatible) + bytes(500)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (saved(gradient()), JPEG),
        (saved(gradient(), "PNG"), PNG),
        (saved(gradient(), "WEBP"), WEBP),
        *((heif(brand, b"mif1"), HEIC) for brand in (b"heic", b"heix", b"hevc", b"heim")),
        (heif(b"mif1", b"heic"), HEIC),
        (heif(b"msf1", b"hevc"), HEIC),
        (heif(b"mif1"), HEIC),
        (heif(b"avif", b"mif1", b"miaf"), AVIF),
        (heif(b"mif1", b"avif", b"miaf"), AVIF),
        (heif(b"avis", b"msf1"), AVIF),
    ],
)
def test_pictures_are_known_by_their_first_bytes(value: bytes, kind: object) -> None:
    assert sniff(value) is kind


def boxes(*names: bytes) -> bytes:
    return b"".join(b"\0\0\0\x10" + name + bytes(8) for name in names)


def pillow(kind: str) -> bytes:
    sink = io.BytesIO()
    Image.fromarray(gradient()).save(sink, kind)
    return sink.getvalue()


SPS = b"\0\0\0\1\x67\x64\0\x1f\xac\xd9\x40\x50\x05\xbb\x01\x10\0\0\3\0\x10\0\0\0\1\x68\xeb\xe3\xcb"
VPS = b"\0\0\0\1\x40\1\x0c\1\xff\xff\1\x60\0\0\3\0\x90\0\0\0\1\x42\1\1\1\x60"
OTHERS: list[tuple[bytes, str]] = [
    (b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(99), "JPEG 2000"),
    (b"\xff\x4f\xff\x51\0\x2f" + bytes(99), "JPEG 2000"),
    (pillow("JPEG2000"), "JPEG 2000"),
    (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(99), "JPEG XL"),
    (b"\xff\xd8\xff\xf7\0\x0b" + bytes(99), "JPEG-LS"),
    (pillow("TIFF"), "TIFF"),
    (b"MM\0*" + bytes(99), "TIFF"),
    (b"II+\0" + bytes(99), "BigTIFF"),
    (b"MM\0+" + bytes(99), "BigTIFF"),
    (b"II*\0\x10\0\0\0CR\2\0" + bytes(99), "CR2"),
    (heif(b"crx ", b"isom"), "CR3"),
    (b"FUJIFILMCCD-RAW 0201" + bytes(99), "RAF"),
    (pillow("GIF"), "GIF"),
    (pillow("BMP"), "BMP"),
    (pillow("PPM"), "Netpbm"),
    (bytes(128) + b"DICM" + bytes(99), "DICOM"),
    (heif(b"isom", b"iso2", b"avc1", b"mp41"), "MP4"),
    (heif(b"mp42", b"isom"), "MP4"),
    (heif(b"qt  "), "QuickTime"),
    (boxes(b"wide", b"mdat"), "QuickTime"),
    (boxes(b"moov", b"mdat"), "QuickTime"),
    (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm" + bytes(99), "WebM"),
    (b"\x1a\x45\xdf\xa3\xa3\x42\x82\x88matroska" + bytes(99), "Matroska"),
    (b"RIFF\0\1\0\0AVI LIST" + bytes(99), "AVI"),
    ((b"G" + bytes(187)) * 3, "MPEG transport stream"),
    (b"\0\0\1\xba\x44\0\4\0\4\1\0\0\3\xf8\0\0\1\xbb" + bytes(99), "MPEG program stream"),
    (SPS, "H.264"),
    (SPS[1:], "H.264"),
    (b"\0\0\0\1\x09\xf0" + SPS, "H.264"),
    (VPS, "H.265"),
    (b"FLV\1\5" + bytes(99), "Flash"),
    (gzip.compress(saved(gradient())), "gzip"),
    (b"\x28\xb5\x2f\xfd" + bytes(99), "zstd"),
    (b"PK\3\4" + bytes(99), "ZIP"),
    (b"%PDF-1.7\n", "PDF"),
    (b"\x93NUMPY\1\0" + bytes(99), "NumPy"),
    (b"<!DOCTYPE html><html>busy</html>", "HTML"),
    (b"<?xml version='1.0'?>\n<svg xmlns='x'/>", "SVG"),
]


@pytest.mark.parametrize(
    ("value", "name"), OTHERS, ids=[f"{name} {n}" for n, (_, name) in enumerate(OTHERS)]
)
@pytest.mark.parametrize("content_type", ["image/jpeg", "application/octet-stream", None])
def test_a_file_of_another_kind_is_named_as_such(
    value: bytes, name: str, content_type: str | None
) -> None:
    headers = {} if content_type is None else {"content-type": content_type.encode()}
    with pytest.raises(EventUnsupported) as caught:
        decode_event(record(value, headers=headers), DecodeSettings(), arrived_at=NOON)
    assert name in str(caught.value)
    assert "registry" not in str(caught.value)


@pytest.mark.parametrize("content_type", ["image/jpeg", "image/heic", None])
def test_heic_is_named_whatever_it_calls_itself(content_type: str | None) -> None:
    headers = {} if content_type is None else {"content-type": content_type.encode()}
    with pytest.raises(EventError, match="HEIC") as caught:
        decode_event(
            record(heif(b"heic", b"mif1"), headers=headers), DecodeSettings(), arrived_at=NOON
        )
    assert "registry" not in str(caught.value)


def test_records_in_a_registrys_framing_are_not_taken_for_files() -> None:
    rng = np.random.default_rng(5)
    numbers = [1, 109, 265, 295, 320, 327, 359, 2167, 6246, 100_001, 113_220, 91_970, 65_537]
    for number in numbers:
        for _ in range(200):
            assert sniff(b"\0" + number.to_bytes(4, "big") + rng.bytes(60)) is None
    value = b"\0" + (6246).to_bytes(4, "big") + rng.bytes(60)
    with pytest.raises(
        EventUnsupported, match=r"begins like a record of a schema registry \(schema id 6246\)"
    ):
        decode_event(record(value), DecodeSettings(), arrived_at=NOON)
