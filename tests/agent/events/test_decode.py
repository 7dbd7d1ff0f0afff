from __future__ import annotations

import base64
import json
import struct
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from driftgauge.agent.errors import EventDecodeError, EventError, EventSchemaError
from driftgauge.agent.events.decode import DecodeSettings
from driftgauge.agent.events.event import Event
from tests.agent.records import NOON, decode_event, encoded, jpeg, picture, pixels, record

from .picture_files import HEIC, RGB, png

LATER = NOON + timedelta(hours=1)


def decode(value: bytes | None, **options: object) -> Event:
    limits = DecodeSettings(segment_headers=("camera",), max_message_bytes=200_000)
    return decode_event(record(value, **options), limits, arrived_at=LATER)  # type: ignore[arg-type] # options are forwarded


def bomb(width: int = 10_000, height: int = 6_000) -> bytes:
    """A PNG of a few bytes whose header claims 60 megapixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + data + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_each_format_decodes_to_rgb_as_stored(kind: str) -> None:
    image = pixels(decode(encoded(picture(), kind)))
    assert image.shape == (24, 32, 3)
    assert image.dtype == np.uint8
    assert np.abs(image.astype(int) - np.asarray(picture()).astype(int)).mean() < 6


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "LA", "1", "I;16"])
def test_every_png_mode_becomes_rgb(mode: str) -> None:
    if mode == "I;16":
        source = Image.fromarray(np.asarray(picture().convert("L")).astype(np.uint16) * 257)
    else:
        source = picture().convert(mode)
    image = pixels(decode(encoded(source, "PNG")))
    assert image.shape == (24, 32, 3)
    assert np.ptp(image) > 20


def test_a_sixteen_bit_grey_keeps_its_brightness() -> None:
    grey = np.asarray(picture().convert("L"))
    image = pixels(decode(encoded(Image.fromarray(grey.astype(np.uint16) * 257), "PNG")))
    assert np.array_equal(image[:, :, 1], grey)


def test_a_palette_with_transparency_becomes_rgb() -> None:
    source = picture().convert("P")
    value = encoded(source, "PNG", transparency=bytes(range(256)))
    assert pixels(decode(value)).shape == (24, 32, 3)


def test_a_cmyk_jpeg_becomes_rgb() -> None:
    image = pixels(decode(encoded(picture().convert("CMYK"))))
    assert np.abs(image.astype(int) - np.asarray(picture()).astype(int)).mean() < 12


def test_an_orientation_is_not_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert pixels(decode(encoded(picture(), exif=exif))).shape == (24, 32, 3)


def test_cloudevents_headers_name_and_date_the_event() -> None:
    headers = {"ce_id": b"a-1", "ce_time": b"2026-02-03T04:05:06.5+01:00", "camera": b"3"}
    event = decode(jpeg(), headers=headers)
    assert event.event_id == "a-1"
    assert event.event_time == datetime(2026, 2, 3, 3, 5, 6, 500_000, tzinfo=UTC)
    assert event.segments == {"camera": "3"}


def test_without_headers_the_record_names_and_dates_it() -> None:
    event = decode(jpeg(), offset=7)
    assert event.event_id == "frames/0/7"
    assert event.event_time == NOON
    assert event.segments == {}


def test_without_any_time_it_is_dated_at_arrival() -> None:
    assert decode(jpeg(), timestamp=None).event_time == LATER


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (b"", EventSchemaError, "the message is empty"),
        (b"hello world, no picture", EventDecodeError, "begin with b'hello world,'"),
        (b"x" * 200_001, EventSchemaError, "got 200001 bytes, wanted at most 200000"),
        (encoded(picture(size=(320, 240)))[:-1500], EventDecodeError, "last scan is truncated"),
        (encoded(picture(), "PNG")[:80], EventDecodeError, "cannot be decoded"),
        (bomb(), EventDecodeError, "10000 x 6000 = 60.0 megapixels, wanted at most 50.0"),
        (bomb(20_000, 20_000), EventDecodeError, "400.0 megapixels, wanted at most 50.0"),
        (b"\xff\xd8\xff", EventDecodeError, "cannot be decoded"),
    ],
)
def test_bad_bytes_are_refused_with_the_reason(
    value: bytes | None, error: type[EventError], words: str
) -> None:
    with pytest.raises(error, match=words):
        decode(value)


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"ce_time": b"yesterday"}, "got 'yesterday', wanted RFC 3339"),
        ({"ce_time": b"2026-01-01T00:00:00"}, "with a zone"),
        ({"ce_time": b"0001-01-01T00:00:00+14:00"}, "from 1970 on"),
        ({"camera": b"\xff\xfe"}, "'camera' is not text"),
        ({"camera": b"x" * 129}, "got 129 characters"),
        ({"camera": b"a\x00b"}, "printable"),
    ],
)
def test_bad_headers_are_refused_with_the_reason(headers: dict[str, bytes], words: str) -> None:
    with pytest.raises(EventSchemaError, match=words):
        decode(jpeg(), headers=headers)


WHOLE = [
    jpeg(),
    jpeg()[:-2],
    encoded(picture(), progressive=True),
    encoded(picture(), "PNG"),
    png(np.asarray(picture()), RGB, bits=16),
    encoded(picture(), "WEBP"),
    encoded(picture(), "AVIF"),
    HEIC,
]


@settings(max_examples=300)
@given(st.sampled_from(WHOLE), st.data())
def test_damaged_bytes_decode_or_are_the_events_fault(whole: bytes, data: st.DataObject) -> None:
    damaged = bytearray(whole[: data.draw(st.integers(1, len(whole)))])
    for _ in range(data.draw(st.integers(0, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        image = pixels(decode(bytes(damaged)))
    except EventError as error:
        assert str(error)  # noqa: PT017 - both outcomes are right
    else:
        assert image.ndim == 3


def test_an_event_stands_for_as_many_as_its_sender_says() -> None:
    assert decode(jpeg()).represents == 1
    assert decode(jpeg(), headers={"ce_sampledrate": b"30"}).represents == 30
    structured = {"specversion": "1.0", "id": "a", "source": "s", "type": "t", "sampledrate": 7}
    value = json.dumps({**structured, "data_base64": base64.b64encode(jpeg()).decode()}).encode()
    assert decode(value).represents == 7


@pytest.mark.parametrize(
    "rate", [b"0", b"-1", b"1.5", b"x", "\u0663".encode(), b"1000001", b"9" * 400]
)
def test_a_sampled_rate_that_is_none_is_refused(rate: bytes) -> None:
    with pytest.raises(EventSchemaError, match=r"'sampledrate' cannot be used.*from 1 to 1000000"):
        decode(jpeg(), headers={"ce_sampledrate": rate})


@pytest.mark.parametrize("size", [(3201, 32), (1, 101), (60_000, 1)])
def test_an_extreme_aspect_ratio_that_a_transform_would_make_huge_is_refused(
    size: tuple[int, int],
) -> None:
    width, height = size
    with pytest.raises(
        EventDecodeError, match=rf"has an extreme aspect ratio: got {width} x {height} pixels"
    ):
        decode(encoded(Image.new("RGB", size), "PNG"))


def test_pixel_values_of_an_extreme_aspect_ratio_are_refused_too_unless_such_are_meant() -> None:
    value = json.dumps({"instances": [[[[0, 0, 0]] * 300]]}).encode()
    with pytest.raises(EventDecodeError, match=r"wanted one side at most 100 times the other"):
        decode(value)
    meant = DecodeSettings(max_image_aspect=300)
    assert pixels(decode_event(record(value), meant, arrived_at=LATER)).shape == (1, 300, 3)


def test_each_way_to_read_pixels_names_the_taps_that_a_fit_keeps_otherwise() -> None:
    plain = DecodeSettings()
    others = [
        replace(plain, exif_orientation="apply"),
        replace(plain, bit_depth=12),
        replace(plain, tensor_layout="hw"),
        replace(plain, tensor_range="0-1"),
    ]
    assert len({settings.pixel_meaning for settings in (plain, *others)}) == 5
