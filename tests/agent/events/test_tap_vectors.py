"""Tap vectors on the wire: what is written is read, and what is not ours is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import load, save

from driftgauge.agent.errors import EventError, EventSchemaError, EventUnscorable
from driftgauge.agent.events.decode import DecodeSettings, decode_record
from driftgauge.agent.events.event import Event
from driftgauge.agent.events.tap_vectors import (
    CONTENT_TYPE,
    TapEncoder,
    TapOrigin,
    TapsWanted,
    decode_taps,
)
from tests.agent.records import NOON, record

ORIGIN = TapOrigin("abc", "resize 224", "float32")
CHANNELS = {"zeta": 3, "alpha": 5, "blocks.1": 2}


def vectors(seed: int = 0) -> dict[str, NDArray[np.floating]]:
    rng = np.random.default_rng(seed)
    return {layer: rng.normal(size=n).astype(np.float32) for layer, n in CHANNELS.items()}


def value(kind: str = "F16", origin: TapOrigin = ORIGIN) -> bytes:
    batch = {layer: vector[None] for layer, vector in vectors().items()}
    (message,) = TapEncoder(origin, CHANNELS, kind=kind).encode(batch)
    return message


def decode(message: bytes, wanted: TapsWanted | None = None) -> Event:
    limits = DecodeSettings(segment_headers=("camera",), taps_wanted=wanted)
    headers = {"content-type": CONTENT_TYPE.encode(), "ce_id": b"a-1", "camera": b"3"}
    decoded = decode_record(record(message, headers=headers), limits, arrived_at=NOON)
    assert isinstance(decoded, tuple)
    return decoded[0]


@pytest.mark.parametrize("kind", ["F16", "F32"])
def test_what_is_encoded_is_decoded(kind: str) -> None:
    taps = decode_taps(value(kind))
    assert taps.origin == ORIGIN
    assert set(taps.vectors) == set(CHANNELS)
    for layer, vector in vectors().items():
        wanted = vector.astype(np.float16) if kind == "F16" else vector
        assert np.array_equal(taps.vectors[layer], wanted)


def test_a_message_is_a_safetensors_file_that_other_tools_read() -> None:
    assert {layer: len(vector) for layer, vector in load(value()).items()} == CHANNELS


def test_a_record_of_taps_is_an_event_with_its_envelope() -> None:
    event = decode(value(), TapsWanted(ORIGIN, {"alpha": 5}))
    assert event.taps is not None
    assert event.to_score is event.taps
    assert (event.event_id, event.segments) == ("a-1", {"camera": "3"})


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (TapsWanted(TapOrigin("xyz", "resize 224", "float32"), {}), "weights: abc != xyz"),
        (TapsWanted(TapOrigin("abc", "crop", "float32"), {}), "preprocessing: resize 224 != crop"),
        (TapsWanted(TapOrigin("abc", "resize 224", "bfloat16"), {}), "float32 != bfloat16"),
        (TapsWanted(ORIGIN, {"omega": 4}), "layer omega: no channels != 4"),
        (TapsWanted(ORIGIN, {"alpha": 6}), "layer alpha: 5 channels != 6"),
    ],
    ids=["weights", "preprocessing", "precision", "layer", "channels"],
)
def test_vectors_of_something_else_are_the_events_fault(wanted: TapsWanted, words: str) -> None:
    with pytest.raises(EventUnscorable, match=words):
        decode(value(), wanted)


def test_preprocessing_that_was_not_told_is_not_compared() -> None:
    untold = TapOrigin("abc", "", "float32")
    message = value(origin=untold)
    assert decode(message, TapsWanted(ORIGIN, CHANNELS)).taps is not None


def meta(**changes: str) -> dict[str, str]:
    told = {"driftgauge.taps": "1", "weights": "a", "preprocessing": "", "precision": "float32"}
    return told | changes


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (b"", "is empty"),
        (b"\xff\xd8\xff and so on", "header cannot be read"),
        (value()[:-1], "SafetensorError"),
        (value() + b"\0", "SafetensorError"),
        (b"\xff" * 8 + value()[8:], "header cannot be read"),
        (save({"a": np.zeros(2, np.float16)}), "header cannot be read"),
        (save({"a": np.zeros(2, np.float16)}, meta(**{"driftgauge.taps": "2"})), "version '2'"),
        (save({"a": np.zeros((2, 2), np.float16)}, meta()), r"F16 \[2, 2\], wanted a vector"),
        (save({"a": np.zeros(2, np.int64)}, meta()), "I64"),
        (save({}, meta()), "0 layers"),
        (save({str(n): np.zeros(1, np.float16) for n in range(300)}, meta()), "300 layers"),
        (len(b"[" * 50_000).to_bytes(8, "little") + b"[" * 50_000, "header cannot be read"),
    ],
    ids=[
        *("empty", "a picture", "cut", "longer", "lying length", "foreign", "a later version"),
        *("a matrix", "integers", "no layer", "too many layers", "deep JSON"),
    ],
)
def test_what_is_no_tap_vectors_is_refused_with_the_reason(message: bytes, words: str) -> None:
    with pytest.raises(EventSchemaError, match=words):
        decode(message)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_vectors_decode_or_are_the_events_fault(data: st.DataObject) -> None:
    whole = value()
    damaged = bytearray(whole[: data.draw(st.integers(1, len(whole)))])
    for _ in range(data.draw(st.integers(0, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        event = decode(bytes(damaged))
    except EventError as error:
        assert str(error)  # noqa: PT017 - both outcomes are right
    else:
        assert event.taps is not None


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)
    )
)
def test_any_json_for_a_header_is_the_events_fault(header: object) -> None:
    text = json.dumps({"__metadata__": header, "a": header}).encode()
    with pytest.raises(EventSchemaError):
        decode(len(text).to_bytes(8, "little") + text)
