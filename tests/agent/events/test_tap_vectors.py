"""Tap vectors on the wire: what is written is read, and what is not ours is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import load, save

from driftgauge.agent.errors import EventError, EventOfOtherModel, EventSchemaError
from driftgauge.agent.events.decode import DecodeSettings, decode_record
from driftgauge.agent.events.event import Event
from driftgauge.agent.events.tap_vectors import (
    CONTENT_TYPE,
    TapOrigin,
    TapsWanted,
    decode_taps,
    encode_taps,
)
from driftgauge.detector import PIXELS
from tests.agent.records import NOON, record

ORIGIN = TapOrigin("abc", "resize 224", "float32")
CHANNELS = {"zeta": 3, "alpha": 5, "blocks.1": 2}


def vectors(n_images: int = 2) -> dict[str, NDArray[np.floating]]:
    rng = np.random.default_rng(0)
    return {
        layer: rng.normal(size=(n_images, n)).astype(np.float32) for layer, n in CHANNELS.items()
    }


IMAGES = [{"ce_id": "a-1", "camera": "3"}, {"ce_id": "a-2", "ce_time": "2026-01-02T03:04:05Z"}]


def value(kind: str = "F16", origin: TapOrigin = ORIGIN) -> bytes:
    return encode_taps(origin, vectors(), IMAGES, kind=kind)


def decode(message: bytes, wanted: TapsWanted | None = None) -> tuple[Event, ...]:
    limits = DecodeSettings(segment_headers=("camera",), taps_wanted=wanted)
    headers = {"content-type": CONTENT_TYPE.encode(), "ce_id": b"whole", "camera": b"9"}
    decoded = decode_record(record(message, headers=headers), limits, arrived_at=NOON)
    assert isinstance(decoded, tuple)
    return decoded


@pytest.mark.parametrize("kind", ["F16", "F32"])
def test_what_is_encoded_is_decoded(kind: str) -> None:
    taps = decode_taps(value(kind))
    assert taps.origin == ORIGIN
    assert set(taps.vectors) == set(CHANNELS)
    assert list(taps.images) == IMAGES
    for layer, part in vectors().items():
        wanted = part.astype(np.float16) if kind == "F16" else part
        assert np.array_equal(taps.vectors[layer], wanted)
        assert np.array_equal(taps.of_image(1).vectors[layer], wanted[1])


def test_a_message_is_a_safetensors_file_that_other_tools_read() -> None:
    wanted = {layer: (2, n) for layer, n in CHANNELS.items()}
    assert {layer: part.shape for layer, part in load(value()).items()} == wanted


def test_each_image_is_an_event_with_headers_of_its_own_over_those_of_the_message() -> None:
    first, second = decode(value(), TapsWanted(ORIGIN, {"alpha": 5}))
    assert first.taps is not None
    assert first.to_score is first.taps
    assert (first.event_id, first.segments, first.item) == ("a-1", {"camera": "3"}, 0)
    assert (second.event_id, second.segments, second.item) == ("a-2", {"camera": "9"}, 1)
    assert second.event_time == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize("text", ["two\nlines", "x" * 129, "\ud83d"])
def test_a_header_of_an_image_that_cannot_be_kept_is_the_events_fault(text: str) -> None:
    message = encode_taps(ORIGIN, vectors(1), [{"ce_id": "a-1", "camera": text}])
    with pytest.raises(EventSchemaError, match="header 'camera'"):
        decode(message)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (TapsWanted(TapOrigin("xyz", "resize 224", "float32"), {}), "weights: abc != xyz"),
        (TapsWanted(TapOrigin("abc", "crop", "float32"), {}), "preprocessing: resize 224 != crop"),
        (TapsWanted(TapOrigin("abc", "resize 224", "bfloat16"), {}), "float32 != bfloat16"),
        (TapsWanted(ORIGIN, {"omega": 4}), "tap omega: no channels != 4"),
        (TapsWanted(ORIGIN, {PIXELS: 45}), "set pixels = false under .detector. and fit again"),
        (TapsWanted(ORIGIN, {"alpha": 6}), "tap alpha: 5 channels != 6"),
    ],
    ids=["weights", "preprocessing", "precision", "layer", "pixels", "channels"],
)
def test_vectors_of_something_else_are_the_events_fault(wanted: TapsWanted, words: str) -> None:
    with pytest.raises(EventOfOtherModel, match=words):
        decode(value(), wanted)


def test_preprocessing_that_was_not_told_is_not_compared() -> None:
    untold = TapOrigin("abc", "", "float32")
    message = value(origin=untold)
    assert decode(message, TapsWanted(ORIGIN, CHANNELS))[0].taps is not None


def meta(images: object = (IMAGES[0],), **changes: str) -> dict[str, str]:
    told = {"driftgauge.taps": "2", "weights": "a", "preprocessing": "", "precision": "float32"}
    return told | {"images": json.dumps(images)} | changes


def one(n: int = 2) -> dict[str, NDArray[np.floating]]:
    return {"a": np.zeros((1, n), np.float16)}


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (b"", "is empty"),
        (b"\xff\xd8\xff and so on", "header cannot be read"),
        (value()[:-1], "SafetensorError"),
        (value() + b"\0", "SafetensorError"),
        (b"\xff" * 8 + value()[8:], "header cannot be read"),
        (save(one()), "header cannot be read"),
        (save(one(), meta(**{"driftgauge.taps": "1"})), "version '1'"),
        (
            save({"a": np.zeros(2, np.float16)}, meta()),
            r"F16 \[2\], wanted F16 or F32 numbers of 1",
        ),
        (save({"a": np.zeros((2, 2), np.float16)}, meta()), r"F16 \[2, 2\], wanted"),
        (save({"a": np.zeros((1, 2), np.int64)}, meta()), "I64"),
        (save(one(0), meta()), r"F16 \[1, 0\]"),
        (save({}, meta()), "0 layers"),
        (save({str(n): np.zeros((1, 1), np.float16) for n in range(300)}, meta()), "300 layers"),
        (save(one(), meta(())), "no list of 1 to 1024 images"),
        (save(one(), meta([IMAGES[0]] * 1025)), "no list of 1 to 1024 images"),
        (save(one(), meta() | {"images": "{"}), "images cannot be read"),
        (save(one(), meta([{"ce_id": 3}])), "image 0 is not an object of texts"),
        (save(one(), meta([["ce_id"]])), "image 0 is not an object of texts"),
        (save(one(), meta([{"camera": "3"}])), "image 0 has no ce_id"),
        (len(b"[" * 50_000).to_bytes(8, "little") + b"[" * 50_000, "header cannot be read"),
    ],
    ids=[
        *("empty", "a picture", "cut", "longer", "lying length", "foreign", "an earlier version"),
        *("a vector", "more images", "integers", "no channel", "no layer", "too many layers"),
        *("no image", "too many images", "broken images", "a number", "a list", "no id"),
        "deep JSON",
    ],
)
def test_what_is_no_tap_vectors_is_refused_with_the_reason(message: bytes, words: str) -> None:
    with pytest.raises(EventSchemaError, match=words):
        decode(message)


@settings(max_examples=300)
@given(st.data())
def test_damaged_vectors_decode_or_are_the_events_fault(data: st.DataObject) -> None:
    whole = value()
    damaged = bytearray(whole[: data.draw(st.integers(1, len(whole)))])
    for _ in range(data.draw(st.integers(0, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        events = decode(bytes(damaged))
    except EventError as error:
        assert str(error)  # noqa: PT017 - both outcomes are right
    else:
        assert all(event.taps is not None for event in events)


@settings(max_examples=100)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)
    )
)
def test_any_json_for_a_header_is_the_events_fault(header: object) -> None:
    text = json.dumps({"__metadata__": header, "a": header}).encode()
    with pytest.raises(EventSchemaError):
        decode(len(text).to_bytes(8, "little") + text)
