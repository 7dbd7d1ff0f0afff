"""The quick decoder gives what Pillow gives, or nothing."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from driftgauge.agent.errors import EventDecodeError
from driftgauge.agent.events import image, jpeg_pixels
from driftgauge.agent.events.image import ImageSettings, decode_image
from driftgauge.agent.events.jpeg import read_layout

from ..records import encoded, picture

SETTINGS = ImageSettings(max_pixels=1_000_000)
WHOLE = [
    encoded(picture(), quality=95, subsampling=0),
    encoded(picture(), subsampling=1, restart_marker_blocks=2),
    encoded(picture(), progressive=True),
    encoded(picture().convert("L")),
    encoded(picture(), keep_rgb=True),
]
KINDS = ["4:4:4", "restarts", "progressive", "grey", "rgb"]


def by_both(value: bytes, monkeypatch: pytest.MonkeyPatch) -> list[NDArray[np.uint8] | None]:
    """Return the pixels by the quick way and by Pillow alone; None where the picture is refused."""
    found = [_pixels(value)]
    with monkeypatch.context() as patch:
        patch.setattr(image, "jpeg_pixels", lambda *_: None)
        return [*found, _pixels(value)]


def _pixels(value: bytes) -> NDArray[np.uint8] | None:
    try:
        return decode_image(value, SETTINGS)
    except EventDecodeError:
        return None


@pytest.mark.parametrize("value", WHOLE, ids=KINDS)
def test_a_whole_picture_is_decoded_quickly_to_pillows_bits(
    value: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick, pillow = by_both(value, monkeypatch)
    assert quick is not None
    assert pillow is not None
    assert np.array_equal(quick, pillow)
    height, width, _ = pillow.shape
    assert jpeg_pixels.jpeg_pixels(value, width, height) is not None


@pytest.mark.parametrize("value", WHOLE, ids=KINDS)
def test_a_damaged_picture_is_what_pillow_makes_of_it(
    value: bytes, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    rng, n_decoded = random.Random(7), 0
    for _ in range(200):
        quick, pillow = by_both(damaged(value, rng), monkeypatch)
        assert (quick is None) == (pillow is None)
        assert quick is None or np.array_equal(quick, pillow)  # type: ignore[arg-type]  # as above
        n_decoded += quick is not None
    assert n_decoded > 20
    assert capfd.readouterr().err == ""


def damaged(value: bytes, rng: random.Random) -> bytes:
    """Return it with some bytes changed, cut out or doubled, or its end replaced by the end marker."""
    at, many = rng.randrange(2, len(value)), rng.randrange(1, 60)
    kind = rng.choice(["change", "cut", "double", "end"])
    if kind == "change":
        return value[:at] + rng.randbytes(min(3, many)) + value[at + 3 :]
    if kind == "cut":
        return value[:at] + value[at + many :]
    if kind == "double":
        return value[:at] + value[at - many :]
    return value[:at] + b"\xff\xd9"


def test_a_picture_of_another_size_than_pillow_read_is_left_to_pillow() -> None:
    assert jpeg_pixels.jpeg_pixels(WHOLE[0], 5, 5) is None


def test_libraries_that_differ_are_told_once_and_pillow_decodes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    jpeg_pixels._agrees_with_pillow.cache_clear()
    monkeypatch.setattr(jpeg_pixels, "_is_equal", lambda _: False)
    try:
        found = [decode_image(WHOLE[0], SETTINGS) for _ in range(2)]
    finally:
        jpeg_pixels._agrees_with_pillow.cache_clear()
    assert np.array_equal(found[0], np.array(picture_of(WHOLE[0])))
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "Pillow decodes all of them" in caplog.text


def picture_of(value: bytes) -> Image.Image:
    return Image.open(io.BytesIO(value))


EXIF = Image.Exif()
EXIF[274] = 6


@pytest.mark.parametrize(
    ("value", "is_plain"),
    [
        (WHOLE[0], True),
        (encoded(picture(), progressive=True), True),
        (encoded(picture().convert("L"), comment=b"north gate"), True),
        (encoded(picture(), exif=EXIF), False),
        (encoded(picture(), icc_profile=b"a profile"), False),
        (encoded(picture(), keep_rgb=True), False),
        (encoded(picture().convert("CMYK")), False),
        (WHOLE[0][:2] + b"\xff\xd8" + WHOLE[0][2:], False),
    ],
    ids=["colour", "progressive", "grey", "EXIF", "profile", "no transform", "CMYK", "two begins"],
)
def test_pillow_looks_at_every_file_that_says_more_than_pixels(
    value: bytes, is_plain: bool
) -> None:
    assert read_layout(value).is_plain == is_plain


def test_the_markers_of_a_plain_file_give_its_size() -> None:
    layout = read_layout(WHOLE[0])
    assert (layout.size, layout.n_frames, layout.has_end) == (picture().size, 1, True)
