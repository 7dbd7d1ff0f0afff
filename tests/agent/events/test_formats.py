"""Each format gives the picture that was sent, and says what is wrong when it cannot."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from driftgauge.agent.errors import (
    EventDecodeError,
    EventError,
    EventSchemaError,
    EventUnsupported,
)
from driftgauge.agent.events.decode import DecodeSettings, decode_record
from driftgauge.agent.events.event import Event, Tombstone
from driftgauge.agent.events.prediction import Prediction
from driftgauge.extras import install_command
from tests.agent.records import NOON, encoded, jpeg, picture, pixels, record

from .samples import (
    JSON,
    PICTURES,
    PIXELS,
    PREDICTIONS,
    REQUEST,
    Sample,
    as_json,
    b64,
    structured,
    v2,
)

SEGMENTS = ("camera", "json:site.line", "predicted_class", "model_version")


def decode(sample: Sample, **settings: object) -> tuple[Event, ...] | Prediction | Tombstone:
    limits = DecodeSettings(segment_headers=SEGMENTS, **settings)  # type: ignore[arg-type] # forwarded
    found = record(sample.value, headers=sample.headers)
    return decode_record(found, limits, arrived_at=NOON + timedelta(hours=1))


def events(sample: Sample, **settings: object) -> tuple[Event, ...]:
    found = decode(sample, **settings)
    assert isinstance(found, tuple)
    return found


def refusal(value: bytes, **headers: bytes) -> str:
    with pytest.raises(EventError) as caught:
        decode(Sample(value, JSON | REQUEST | headers))
    assert isinstance(caught.value, EventDecodeError | EventSchemaError | EventUnsupported)
    return str(caught.value)


@pytest.mark.parametrize("name", PICTURES)
def test_every_format_gives_the_picture_that_was_sent(name: str) -> None:
    (event,) = events(PICTURES[name])
    assert pixels(event).shape == PIXELS.shape
    assert pixels(event).dtype == np.uint8
    exact = {"v1 numbers", "v2 numbers", "v2 raw", "v1 fractions", "v2 channels first", "png"}
    bound = 0 if name in exact or "ndarray" in name or "tensor" in name else 6
    assert np.abs(pixels(event).astype(int) - PIXELS.astype(int)).mean() <= bound


@pytest.mark.parametrize("name", PREDICTIONS)
def test_a_prediction_tells_the_class_and_is_no_event(name: str) -> None:
    assert decode(PREDICTIONS[name]) == Prediction("r-1", ("1",))


@pytest.mark.parametrize(
    "predictions",
    [[], {}, [{"boxes": [[1, 2], [3, 4]]}], [["a", "b"]], [[[1, 2], [3, 4]]], [[float("1e308")] * 2 + [None]]],
)  # fmt: skip
def test_a_prediction_that_is_none_of_classes_is_no_error(predictions: object) -> None:
    found = decode(Sample(as_json({"predictions": predictions}), JSON))
    assert isinstance(found, Prediction)
    assert set(found.classes) <= {None}


def test_a_structured_envelope_names_dates_and_slices_the_event() -> None:
    (event,) = events(PICTURES["structured base64"])
    assert (event.event_id, event.segments["camera"]) == ("e-1", "3")
    assert event.event_time == datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)


def test_segments_come_from_headers_extensions_fields_predictions_and_the_version() -> None:
    assert events(PICTURES["json"])[0].segments == {"site.line": "4"}
    (extended,) = events(Sample(jpeg(), {"ce_camera": b"5", "ce_modelversion": b"7"}))
    assert extended.segments == {"camera": "5", "model_version": "7"}
    assert events(PICTURES["v2 base64"])[0].segments == {"model_version": "7"}
    whole = {"instances": [b64()], "predictions": ["dog"]}
    assert events(Sample(as_json(whole)))[0].segments == {"predicted_class": "dog"}
    (sent,) = events(Sample(jpeg(), {"predicted_class": b"cat"}))
    assert sent.segments == {"predicted_class": "cat"}


def test_a_request_of_several_pictures_gives_as_many_events_of_one_offset() -> None:
    values = [b64(jpeg(level)) for level in (20, 90, 160)]
    found = events(Sample(as_json({"instances": values}), JSON | REQUEST))
    assert [event.item for event in found] == [0, 1, 2]
    assert [event.event_id for event in found] == ["r-1#0", "r-1#1", "r-1#2"]
    assert {event.offset for event in found} == {0}
    means = [pixels(event).mean() for event in found]
    assert means == sorted(means)


def test_one_bad_picture_refuses_the_whole_request() -> None:
    assert "instance 1 is not base64" in refusal(as_json({"instances": [b64(), "???"]}))


def test_the_field_with_the_picture_its_id_and_its_time_can_be_named() -> None:
    body = as_json({"a": {"pic": b64(), "at": 1_770_091_506.5, "n": 17}})
    fields = {"image_field": "a.pic", "time_field": "a.at", "id_field": "a.n"}
    (event,) = events(Sample(body), **fields)
    assert event.event_id == "17"
    assert event.event_time == datetime(2026, 2, 3, 4, 5, 6, 500_000, tzinfo=UTC)
    (milliseconds,) = events(Sample(body.replace(b"1770091506.5", b"1770091506500")), **fields)
    assert milliseconds.event_time == event.event_time


def test_a_configured_format_is_not_guessed() -> None:
    with pytest.raises(EventDecodeError, match="is not JSON"):
        decode(Sample(jpeg()), format="json")
    with pytest.raises(EventDecodeError, match="not a picture"):
        decode(PICTURES["json"], format="image")


def test_declared_layout_and_range_win_over_the_guess() -> None:
    dark = np.zeros((3, 8, 3))
    dark[0] = 1
    body = as_json({"instances": [dark.tolist()]})
    guessed, first, fraction = (
        pixels(events(Sample(body), **options)[0])
        for options in ({}, {"tensor_layout": "chw"}, {"tensor_range": "0-1"})
    )
    assert (guessed.shape, guessed.max()) == ((3, 8, 3), 1)
    assert first.shape == (8, 3, 3)
    assert fraction.max() == 255


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (b"{", "is not JSON"),
        (b"[1, 2]", "not an object: got list"),
        (b"{" + b'"a":{' * 2000 + b"}" * 2001, "is not JSON"),
        (b'{"a":[' + b"[]," * 1_500_000 + b"[]]}", "too many values"),
        (as_json({"x": 1}), "no picture: got the fields 'x'"),
        (as_json({"image": "not base64!"}), "is not base64"),
        (as_json({"image": "http://10.0.0.1/a.jpg"}), "add its prefix to events.fetch_allow"),
        (as_json({"image": b64(b"GIF89a....")}), "is a GIF picture, which is not read"),
        (as_json({"instances": []}), "not a list with at least one value"),
        (as_json({"instances": [b64()] * 33}), "got 33, wanted at most 32"),
        (as_json({"instances": [[[1, 2], [3]]]}), "not an array of numbers"),
        (as_json({"instances": [[["a"]]]}), "not an array of numbers"),
        (as_json({"instances": [np.zeros((8, 8, 5)).tolist()]}), "1, 3 or 4 channels"),
        (as_json({"instances": [(PIXELS / 255 - 0.5).tolist()]}), "normalised for the model"),
        (as_json({"instances": [(PIXELS.astype(int) * 3).tolist()]}), "wanted pixels in 0-255"),
        (v2(shape=[1, 100_000, 100_000, 3], data=[1]), "with at most"),
        (v2(shape=[-1, 24, 32, 3], data=[1]), "shape is not that of a picture"),
        (v2(shape=[1, 24, 32, 3], data=[1, 2]), "declares 2304"),
        (v2(shape=[2], datatype="BYTES", data=[b64()]), "has 1 elements"),
        (v2(parameters={"binary_data_size": 10**9}), "binary_data_size is wrong"),
        (as_json({"inputs": [3]}), "an input is not an object"),
        (structured(specversion="0.3", data=b64()), "not a CloudEvent 1.0: got specversion '0.3'"),
        (structured(id="", data=b64()), "lacks id"),
        (structured(time="noon", data=b64()), "attribute 'time' is not a time"),
        (structured(data=7), "'data' is not an object"),
        (b"\0\0\0\0\x09record", "is not JSON"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(value: bytes, words: str) -> None:
    assert words in refusal(value)


def test_a_raw_tensor_whose_length_lies_is_refused() -> None:
    raw = PICTURES["v2 raw"]
    for length in (b"-1", b"99999999999999999999", b"x", b"5"):
        headers = {**raw.headers, "inference-header-content-length": length}
        with pytest.raises(EventError):
            decode(Sample(raw.value, headers))
    with pytest.raises(EventSchemaError, match="header inference-header-content-length"):
        decode(Sample(v2(parameters={"binary_data_size": 9}), JSON))


def test_what_calls_itself_a_picture_is_never_taken_for_a_record() -> None:
    with pytest.raises(EventDecodeError, match="is not a picture: got 11 bytes that begin with"):
        decode(Sample(b"\0\0\0\0\x09record", {"content-type": b"image/jpeg"}))


@pytest.mark.parametrize(
    ("value", "headers", "words"),
    [
        (
            b"\0\0\0\0\x09record",
            {},
            r"schema id 9\); to read such records set events.registry_url, and pip install",
        ),
        (
            b"\0\0\0\0\x09r",
            {"content-type": b"application/x-protobuf"},
            re.escape(install_command("avro", "protobuf")),
        ),
        (b"<svg/>", {"content-type": b"image/svg+xml"}, "an SVG drawing, which is not read"),
        (b"[]", {"content-type": b"application/cloudevents-batch+json"}, "batches of CloudEvents"),
    ],
)
def test_a_known_format_that_is_not_read_is_named(
    value: bytes, headers: dict[str, bytes], words: str
) -> None:
    with pytest.raises(EventUnsupported, match=words):
        decode(Sample(value, headers))


def test_a_jpeg_with_a_thousand_scans_is_refused_unread() -> None:
    scans = jpeg()[:-2] + b"\xff\xda\0\2" * 1000
    with pytest.raises(EventDecodeError, match="too many scans"):
        decode(Sample(scans))
    (event,) = events(Sample(encoded(picture(), progressive=True)))
    assert pixels(event).shape == PIXELS.shape
