"""Pictures as cameras, phones and recorders really write them."""

from __future__ import annotations

import struct
import sys
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from driftgauge.agent.errors import EventDecodeError, EventError, EventUnsupported
from driftgauge.agent.events import picture_file
from driftgauge.agent.events.image import ImageSettings, decode_image
from driftgauge.extras import install_command

from .picture_files import (
    GREY,
    GREY_ALPHA,
    HEIC,
    RGB,
    RGBA,
    chunk,
    gradient,
    png,
    rotated_exif,
    saved,
    without_huffman_tables,
)

PICTURE = gradient()
JPEG = saved(PICTURE, quality=90)
PROGRESSIVE = saved(PICTURE, quality=90, progressive=True)
RESTARTS = saved(PICTURE, quality=90, restart_marker_blocks=4)
GREY_JPEG = saved(PICTURE[..., 0], quality=90)
VIDEO = b"\0\0\0 ftypisom\0\0\2\0isomiso2avc1mp41" + np.random.default_rng(1).bytes(7_600_000)


def decoded(value: bytes, **options: object) -> NDArray[np.uint8]:
    limits: dict[str, object] = {"max_pixels": 1_000_000} | options
    return decode_image(value, ImageSettings(**limits))  # type: ignore[arg-type] # forwarded


def refusal(value: bytes, kind: type[EventError] = EventDecodeError, **options: object) -> str:
    with pytest.raises(kind) as caught:
        decoded(value, **options)
    return str(caught.value)


def shows_picture(pixels: NDArray[np.uint8], within: float = 3.0) -> bool:
    return float(np.abs(pixels.astype(float) - PICTURE).mean()) < within


@pytest.mark.parametrize("whole", [JPEG, PROGRESSIVE, RESTARTS, GREY_JPEG])
@pytest.mark.parametrize("end", [b"", b"\xff", b"\xff\xff", bytes(4096)])
def test_a_jpeg_without_its_end_marker_whose_scans_are_whole_is_the_picture(
    whole: bytes, end: bytes
) -> None:
    assert np.array_equal(decoded(whole[:-2] + end), decoded(whole))


@pytest.mark.parametrize("whole", [JPEG, PROGRESSIVE, RESTARTS, GREY_JPEG])
@pytest.mark.parametrize("lost", [5, 60, 200, 400])
def test_a_jpeg_that_is_cut_short_within_a_scan_is_refused(whole: bytes, lost: int) -> None:
    assert "truncated" in refusal(whole[:-lost])


def test_a_progressive_jpeg_that_lacks_its_last_scans_is_refused() -> None:
    starts = [at for at in range(len(PROGRESSIVE)) if PROGRESSIVE[at : at + 2] == b"\xff\xda"]
    assert len(starts) > 5
    for start in starts[1:]:
        assert "truncated" in refusal(PROGRESSIVE[:start])


@pytest.mark.parametrize(
    "behind",
    [
        VIDEO,
        b"dhav\x59\x19\x01\x00" + bytes(4096),
        JPEG,
        b"\xff\xda" * 5000,
        b"\xff\xd9" * 9,
        b"\r\n",
    ],
    ids=["motion photo", "recorder", "second picture", "scans", "ends", "line break"],
)
def test_bytes_behind_the_end_marker_of_a_jpeg_do_not_count(behind: bytes) -> None:
    assert np.array_equal(decoded(JPEG + behind), decoded(JPEG))


def test_a_jpeg_with_a_thumbnail_and_further_pictures_is_its_first_picture() -> None:
    thumbnail = saved(np.zeros((8, 8, 3), np.uint8))
    exif = b"Exif\0\0" + thumbnail * 20
    inside = JPEG[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + JPEG[2:]
    assert np.array_equal(decoded(inside), decoded(JPEG))
    several = saved(
        PICTURE, "MPO", save_all=True, append_images=[Image.fromarray(PICTURE[:40])], quality=90
    )
    assert decoded(several).shape == PICTURE.shape


def test_a_jpeg_of_many_scans_is_refused_and_says_so() -> None:
    scan = PROGRESSIVE.index(b"\xff\xda")
    many = PROGRESSIVE[:-2] + PROGRESSIVE[scan:-2] * 30 + b"\xff\xd9"
    assert "too many scans: wanted at most 100" in refusal(many)


def test_a_jpeg_behind_other_bytes_is_refused_with_the_place_where_it_begins() -> None:
    assert "a JPEG begins at byte 12" in refusal(b"--boundary\r\n" + JPEG)


def test_frames_of_webcams_and_cmyk_are_the_picture() -> None:
    assert np.array_equal(decoded(without_huffman_tables(saved(PICTURE))), decoded(saved(PICTURE)))
    cmyk = np.asarray(Image.fromarray(PICTURE).convert("CMYK"))
    assert shows_picture(decoded(_cmyk(cmyk)), within=6)


def _cmyk(pixels: NDArray[np.uint8]) -> bytes:
    import io

    sink = io.BytesIO()
    Image.fromarray(pixels, "CMYK").save(sink, "JPEG", quality=95)
    return sink.getvalue()


def test_the_first_frame_of_an_animation_counts() -> None:
    later = [Image.fromarray(np.roll(PICTURE, 40, 1))]
    for kind, options in (("WEBP", {"lossless": True}), ("PNG", {})):
        moving = saved(PICTURE, kind, save_all=True, append_images=later, **options)
        assert np.array_equal(decoded(moving), PICTURE)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_exif_orientation_is_applied_as_the_setting_says(kind: str, orientation: int) -> None:
    value = saved(PICTURE, kind, exif=rotated_exif(orientation))
    stored = decoded(value)
    assert stored.shape == PICTURE.shape
    upright = {
        1: stored, 2: stored[:, ::-1], 3: stored[::-1, ::-1], 4: stored[::-1],
        5: stored.transpose(1, 0, 2), 6: np.rot90(stored, -1),
        7: stored[::-1, ::-1].transpose(1, 0, 2), 8: np.rot90(stored),
    }[orientation]  # fmt: skip
    assert np.array_equal(decoded(value, exif_orientation="apply"), upright)


def test_an_orientation_that_is_not_applied_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    settings = ImageSettings(max_pixels=10**6)
    for _ in range(3):
        decode_image(saved(PICTURE, exif=rotated_exif(6)), settings)
    (line,) = caplog.messages
    assert 'events.exif_orientation = "apply"' in line


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_broken_exif_does_not_cost_the_picture() -> None:
    broken = b"Exif\0\0" + b"MM\0*" + bytes(range(200))
    for orientation in ("ignore", "apply"):
        pixels = decoded(saved(PICTURE, exif=broken), exif_orientation=orientation)
        assert pixels.shape == PICTURE.shape


TEXTS = [
    chunk(b"tEXt", b"k\0v", 0),
    chunk(b"zTXt", b"k\0\0" + zlib.compress(b"v"), 1),
    chunk(b"zTXt", b"k\0\x07no method"),
    chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(30_000_000))),
    chunk(b"iTXt", b"k\0\1\0\0\0" + b"not zlib", 0),
    chunk(b"eXIf", b"MM\0*", 0),
    chunk(b"tIME", b"\7\xea\1\1\0\0\0", 0),
    chunk(b"tIME", b""),
    chunk(b"iCCP", b"k\0\x09no method"),
    chunk(b"tRNS", b"\0\0\0\0\0\0", 0),
    chunk(b"pHYs", b"\0"),
    chunk(b"gAMA", b"", 9),
]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_fault_in_a_chunk_that_pixels_do_not_need_does_not_cost_a_png(text: bytes) -> None:
    assert np.array_equal(decoded(png(PICTURE, RGB, before=text)), PICTURE)
    assert np.array_equal(decoded(png(PICTURE, RGB, after=text)), PICTURE)


def test_a_png_whose_pixels_or_header_have_a_wrong_checksum_is_refused() -> None:
    assert "'IDAT' has a wrong checksum" in refusal(png(PICTURE, RGB, data_checksum=7))
    whole = png(PICTURE, RGB)
    assert "'IHDR' has a wrong checksum" in refusal(whole[:29] + b"abcd" + whole[33:])
    changed = bytearray(whole)
    changed[len(changed) // 2] ^= 4
    assert "'IDAT' has a wrong checksum" in refusal(bytes(changed))


def test_a_png_is_whole_without_its_end_and_with_bytes_behind_it() -> None:
    whole = png(PICTURE, RGB)
    assert np.array_equal(decoded(whole[:-12]), PICTURE)
    assert np.array_equal(decoded(whole + VIDEO[:5000]), PICTURE)
    assert "cannot be decoded" in refusal(whole[:-300])


def test_the_limit_on_pixels_is_the_settings_and_no_other() -> None:
    import io

    sink = io.BytesIO()
    Image.new("1", (20_000, 10_000)).save(sink, "PNG")
    assert decoded(sink.getvalue(), max_pixels=400_000_000).shape == (10_000, 20_000, 3)
    refused = refusal(sink.getvalue(), max_pixels=100_000_000)
    assert "200.0 megapixels, wanted at most 100.0" in refused


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize(
    ("colour", "channels"),
    [(GREY, [0]), (RGB, [0, 1, 2]), (GREY_ALPHA, [0, 0]), (RGBA, [0, 1, 2, 0])],
)
def test_sixteen_bit_words_are_read_by_the_bit_depth(
    bits: int, colour: int, channels: list[int]
) -> None:
    top = PICTURE[..., channels].astype(np.uint16)
    words = (top << (bits - 8)) | (top >> (16 - bits) if bits > 8 else 0)
    found = decoded(png(words, colour, bits=16), bit_depth=bits)
    shown = PICTURE[..., channels[:3]] if len(channels) > 2 else PICTURE[..., [0, 0, 0]]
    assert np.array_equal(found, shown)


def test_an_interlaced_png_of_sixteen_bit_colours_is_refused_where_its_depth_matters() -> None:
    whole = png(PICTURE.astype(np.uint16), RGB, bits=16)
    interlaced = whole[:8] + chunk(b"IHDR", whole[16:28] + b"\1") + whole[33:]
    assert "send it without interlacing" in refusal(interlaced, EventUnsupported, bit_depth=12)


@pytest.mark.parametrize("colour", [GREY, RGB])
def test_a_pixel_beyond_the_bit_depth_is_refused_with_both(colour: int) -> None:
    words = np.full((4, 4, 3 if colour else 1), 5000, np.uint16)
    refused = refusal(png(words, colour, bits=16), bit_depth=12)
    assert "a pixel of 5000, wanted at most 4095: events.bit_depth is 12; set it to 13" in refused


@pytest.mark.parametrize("colour", [GREY, RGB])
def test_twelve_bits_in_sixteen_are_never_black_in_silence(
    colour: int, caplog: pytest.LogCaptureFixture
) -> None:
    settings = ImageSettings(max_pixels=10**6)
    words = PICTURE[..., : 3 if colour else 1].astype(np.uint16) << 4
    for _ in range(3):
        decode_image(png(words, colour, bits=16), settings)
    (line,) = caplog.messages
    assert "if the camera gives 12 bits, set events.bit_depth = 12" in line


def test_a_dark_picture_of_a_stream_that_showed_all_bits_is_dark(
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = ImageSettings(max_pixels=10**6)
    full = PICTURE[..., :1].astype(np.uint16) * 257
    decode_image(png(full, GREY, bits=16), settings)
    decode_image(png(full // 64, GREY, bits=16), settings)
    assert caplog.messages == []  # a decision is an info line


@pytest.mark.parametrize("package", ["pillow_heif", "pi_heif"])
def test_heic_is_read_where_a_plugin_is_installed(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(package)
    other = {"pillow_heif": "pi_heif", "pi_heif": "pillow_heif"}[package]
    monkeypatch.setitem(sys.modules, f"{other}.as_plugin", None)
    picture_file.heif_class.cache_clear()
    pixels = decoded(HEIC)
    picture_file.heif_class.cache_clear()
    assert np.abs(pixels.astype(float) - gradient(32, 24)).mean() < 20


def test_heic_without_a_plugin_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("pillow_heif", "pi_heif"):
        monkeypatch.setitem(sys.modules, f"{package}.as_plugin", None)
    picture_file.heif_class.cache_clear()
    refused = refusal(HEIC, EventUnsupported)
    picture_file.heif_class.cache_clear()
    assert "the picture is HEIC" in refused
    assert install_command("heif") in refused


def test_avif_is_read() -> None:
    assert shows_picture(decoded(saved(PICTURE, "AVIF", quality=90)), within=6)
