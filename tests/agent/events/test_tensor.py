"""Tensors of pixels: what they do not say of themselves is the stream's, not the message's."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
from numpy.typing import NDArray

from driftgauge.agent.errors import EventError
from driftgauge.agent.events.decode import DecodePorts, DecodeSettings, decode_record
from tests.agent.records import NOON, pixels, record

from .picture_files import HEIC, gradient, saved
from .samples import JSON, REQUEST

PICTURE = gradient(32, 24)
GREY = PICTURE[..., 0]
DARK = np.zeros((1, 24, 32, 3), np.float32)
DARK[0, ::3, ::2] = 1.0
"""A black frame of 0-255 with the lowest bit's noise."""

DATATYPES = {
    "bool": "BOOL", "uint8": "UINT8", "uint16": "UINT16", "int32": "INT32", "float16": "FP16",
    "float32": "FP32", "float64": "FP64",
}  # fmt: skip


class Stream:
    """One stream: what its first messages showed holds for the later ones."""

    def __init__(self, **settings: object) -> None:
        self.settings = DecodeSettings(**settings)  # type: ignore[arg-type] # forwarded
        self.ports = DecodePorts()

    def images(self, value: bytes, headers: dict[str, bytes]) -> list[NDArray[np.uint8]]:
        sent = record(value, headers=headers)
        found = decode_record(sent, self.settings, self.ports, arrived_at=NOON)
        assert isinstance(found, tuple)
        return [pixels(event) for event in found]

    def raw(
        self, array: NDArray[np.generic], datatype: str | None = None
    ) -> list[NDArray[np.uint8]]:
        """Decode a V2 request whose tensor follows the JSON."""
        body = array.tobytes()
        tensor = {
            "name": "INPUT",
            "shape": list(array.shape),
            "datatype": datatype or DATATYPES[array.dtype.name],
            "parameters": {"binary_data_size": len(body)},
        }
        head = json.dumps({"inputs": [tensor]}).encode()
        length = {"inference-header-content-length": str(len(head)).encode()}
        return self.images(head + body, JSON | REQUEST | length)

    def numbers(self, array: NDArray[np.generic], datatype: str) -> list[NDArray[np.uint8]]:
        """Decode a V2 request with its numbers in the JSON."""
        tensor = {"name": "INPUT", "shape": list(array.shape), "datatype": datatype}
        body = {"inputs": [tensor | {"data": array.ravel().tolist()}]}
        return self.images(json.dumps(body).encode(), JSON | REQUEST)

    def refusal(self, array: NDArray[np.generic], datatype: str | None = None) -> str:
        with pytest.raises(EventError) as caught:
            self.raw(array, datatype)
        return str(caught.value)


def test_a_black_frame_is_black_in_a_stream_of_0_to_255() -> None:
    stream = Stream()
    stream.raw(PICTURE[None].astype(np.float32))
    (dark,) = stream.raw(DARK)
    assert dark.max() == 1
    (darker,) = stream.raw(DARK * 0.7)
    assert darker.max() == 1


def test_a_frame_of_ones_and_zeros_is_nearly_black_until_a_message_shows_the_range(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stream = Stream()
    for _ in range(3):
        (dark,) = stream.raw(DARK)
        assert dark.max() == 1
    (line,) = caplog.messages
    assert 'set events.tensor_range = "0-1" if 1 is white' in line
    stream.raw(PICTURE[None] / np.float32(255))
    (white,) = stream.raw(DARK)
    assert white.max() == 255


def test_the_first_message_that_shows_the_range_decides_it_with_one_log_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    stream = Stream()
    for _ in range(3):
        (found,) = stream.raw(PICTURE[None] / np.float32(255))
        assert np.array_equal(found, PICTURE)
    (line,) = caplog.messages
    assert line.startswith("tensor_range is 0-1 from now on")
    refused = stream.refusal(PICTURE[None].astype(np.float32))
    assert "wanted pixels in 0-1, as an earlier message showed; set events.tensor_range" in refused


def test_whole_numbers_of_the_json_follow_the_stream_as_well() -> None:
    stream = Stream()
    stream.numbers(PICTURE[None] / 255, "FP32")
    (white,) = stream.numbers(np.ones((1, 8, 8, 3), int), "FP32")
    assert white.min() == 255
    (typed,) = stream.numbers(np.ones((1, 8, 8, 3), int), "UINT8")
    assert typed.max() == 1


def test_a_refused_message_decides_nothing() -> None:
    stream = Stream()
    stream.refusal(PICTURE[None].astype(np.float32) * 3)
    stream.refusal(PICTURE[None].astype(np.float32) / 100 - 1)
    (found,) = stream.raw(PICTURE[None] / np.float32(255))
    assert np.array_equal(found, PICTURE)


@pytest.mark.parametrize(
    ("array", "options"),
    [
        (PICTURE, {}),
        (PICTURE.astype(np.int32), {}),
        (PICTURE.astype(np.uint16), {}),
        (PICTURE.astype(np.float32), {"tensor_range": "0-255"}),
        ((PICTURE / 255).astype(np.float64), {"tensor_range": "0-1"}),
        ((PICTURE / 127.5 - 1).astype(np.float32), {"tensor_range": "-1 to 1"}),
        (PICTURE.astype(np.uint16) * 257, {}),
        (PICTURE.astype(np.uint16) * 16 + 3, {"bit_depth": 12}),
        (PICTURE.astype(np.int32) * 4 + 1, {"bit_depth": 10}),
        (PICTURE.astype(np.float32) * 64, {"bit_depth": 14}),
    ],
    ids=range(10),
)
def test_each_range_of_values_gives_the_picture(
    array: NDArray[np.generic], options: dict[str, object]
) -> None:
    (found,) = Stream(**options).raw(array[None])
    assert np.array_equal(found, PICTURE)


@pytest.mark.parametrize(("datatype", "tolerance"), [("FP16", 1), ("BF16", 1)])
def test_half_floats_give_the_picture(datatype: str, tolerance: int) -> None:
    fractions = PICTURE[None] / np.float32(255)
    if datatype == "BF16":
        array: NDArray[np.generic] = (fractions.view(np.uint32) >> 16).astype(np.uint16)
    else:
        array = fractions.astype(np.float16)
    (found,) = Stream().raw(array, datatype)
    assert np.abs(found.astype(int) - PICTURE).max() <= tolerance


def test_a_mask_of_booleans_is_black_and_white() -> None:
    (found,) = Stream().raw(GREY[None, ..., None] > 100)
    assert sorted(np.unique(found)) == [0, 255]


def test_a_dark_frame_of_16_bits_is_dark_once_the_stream_showed_them() -> None:
    stream = Stream()
    stream.raw(PICTURE[None].astype(np.uint16) * 257)
    (dark,) = stream.raw(PICTURE[None].astype(np.uint16))
    assert dark.max() == 0


def test_normalised_values_are_refused_with_the_way_out() -> None:
    stream = Stream()
    assert "log the picture before that step" in stream.refusal(PICTURE[None] / np.float32(60) - 2)
    refused = stream.refusal(PICTURE[None] / np.float32(127.5) - 1)
    assert 'set events.tensor_range = "-1 to 1" if these are pixels' in refused
    assert "set events.bit_depth" in stream.refusal(PICTURE[None].astype(np.int32) * 16)
    assert "not finite" in stream.refusal(np.full((1, 24, 32, 3), np.nan, np.float32))


LAYOUTS = {
    "HWC": PICTURE,
    "CHW": PICTURE.transpose(2, 0, 1),
    "NHWC": PICTURE[None],
    "NCHW": PICTURE.transpose(2, 0, 1)[None],
}


@pytest.mark.parametrize("axes", LAYOUTS)
def test_colours_are_found_in_each_layout(axes: str) -> None:
    (found,) = Stream().raw(np.ascontiguousarray(LAYOUTS[axes]))
    assert np.array_equal(found, PICTURE)
    opaque = np.full_like(PICTURE[..., :1], 255)
    rgba = np.concatenate([PICTURE, opaque], axis=2)
    array = rgba if axes.endswith("C") else rgba.transpose(2, 0, 1)
    (found,) = Stream().raw(np.ascontiguousarray(array[None] if axes[0] == "N" else array))
    assert np.array_equal(found, PICTURE)


@pytest.mark.parametrize(
    "shape", [(24, 32), (24, 32, 1), (1, 24, 32), (1, 24, 32, 1), (1, 1, 24, 32)]
)
def test_grey_is_found_in_each_layout(shape: tuple[int, ...]) -> None:
    (found,) = Stream().raw(GREY.reshape(shape))
    assert np.array_equal(found, np.repeat(GREY[..., None], 3, axis=2))


def greys(n: int) -> NDArray[np.uint8]:
    return np.stack([np.roll(GREY, 5 * number, axis=1) for number in range(n)])


@pytest.mark.parametrize("n", [2, 3, 4, 8])
def test_a_batch_of_grey_pictures_is_one_in_a_grey_stream(n: int) -> None:
    by_first_sight = Stream()
    by_first_sight.raw(GREY[None])
    for stream in (by_first_sight, Stream(tensor_layout="hw")):
        found = stream.raw(greys(n))
        assert len(found) == n
        assert all(
            np.array_equal(one[..., 0], grey) for one, grey in zip(found, greys(n), strict=True)
        )


def test_three_axes_that_could_be_either_are_decided_once_with_one_log_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    stream = Stream()
    for _ in range(3):
        assert len(stream.raw(greys(3))) == 1
    (line,) = caplog.messages
    assert "tensor_layout is chw from now on" in line
    assert "events.tensor_layout says otherwise" in line
    for _ in range(2):
        stream.raw(GREY[None])
    assert 'set events.tensor_layout = "hw" if those were grey' in caplog.messages[1]
    assert len(caplog.messages) == 2


def test_other_numbers_of_channels_are_refused_with_the_way_out() -> None:
    assert "set it to 'hw' if these are grey" in Stream().refusal(greys(8))


FILES = [saved(PICTURE, kind) for kind in ("JPEG", "PNG", "WEBP")]


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("in_json", [False, True])
@pytest.mark.parametrize("n_axes", [1, 2])
def test_an_encoded_file_in_a_tensor_of_bytes_is_the_picture(
    file: bytes, in_json: bool, n_axes: int
) -> None:
    array = np.frombuffer(file, np.uint8)
    array = array if n_axes == 1 else array[None]
    stream = Stream()
    (found,) = stream.numbers(array, "UINT8") if in_json else stream.raw(array)
    assert found.shape == PICTURE.shape
    assert np.abs(found.astype(int) - PICTURE).mean() < 8


def test_a_batch_of_encoded_files_is_filled_up_with_zeros() -> None:
    longest = max(map(len, FILES))
    rows = [np.frombuffer(file.ljust(longest, b"\0"), np.uint8) for file in FILES]
    assert len(Stream().raw(np.stack(rows))) == 3
    instance = {"instances": [list(FILES[0])]}
    (found,) = Stream().images(json.dumps(instance).encode(), JSON | REQUEST)
    assert found.shape == PICTURE.shape


def test_a_broken_or_foreign_file_in_a_tensor_is_named() -> None:
    cut = np.frombuffer(FILES[0][:-200], np.uint8)[None]
    assert "cannot be decoded" in Stream().refusal(cut)
    foreign = np.frombuffer(b"GIF89a" + bytes(99), np.uint8)[None]
    assert "a GIF picture" in Stream().refusal(foreign)
    assert len(Stream().raw(np.frombuffer(HEIC, np.uint8))) == 1
