"""Whatever a message says, the texts of an event can be kept, and those of a refusal can be shown."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftgauge.agent.errors import EventError, EventSchemaError
from driftgauge.agent.events.decode import DecodePorts, DecodeSettings, decode_record
from driftgauge.agent.events.event import Event, Tombstone
from driftgauge.agent.events.prediction import Prediction
from driftgauge.agent.events.tap_vectors import CONTENT_TYPE, TapOrigin, TapsWanted, encode_taps
from driftgauge.agent.stream.letter import reasons
from tests.agent.records import NOON, decode_event, jpeg, record

from .samples import (
    JSON,
    PICTURES,
    REQUEST,
    RESPONSE,
    SELDON_RESPONSE,
    Sample,
    as_json,
    b64,
    raw_v2,
    structured,
    v2,
)

SETTINGS = DecodeSettings(
    segment_headers=("camera", "json:site.line", "predicted_class", "model_version"),
    id_field="frame_no",
)
HOSTILE = {
    "long": "x" * 10_000,
    "escape sequence": "a\x1b]0;owned\x07\x1b[2J",
    "NUL": "a\0b",
    "bidirectional override": "a\u202eb",
    "line break": "a\nERROR forged line",
    "line separator": "a\u2028b",
    "C1 control": "a\x9b2Jb",
    "half of a pair": "a\ud83d",
    "noncharacter": "a\uffff",
}


def header(name: str) -> Callable[[str], Sample]:
    return lambda text: Sample(jpeg(), {name: text.encode("utf-8", "surrogatepass")})


def taps(text: str, *, place: str) -> Sample:
    origin = TapOrigin(*(text if place == key else "a" for key in ("weights", "prep", "precision")))
    layer = text if place == "layer" else "layer1"
    image = {"ce_id": "a-1", "camera": "3"} | (
        {place: text} if place in ("ce_id", "camera") else {}
    )
    value = encode_taps(origin, {layer: np.ones((1, 2))}, [image])
    return Sample(value, {"content-type": CONTENT_TYPE.encode()})


def seldon(text: str) -> Sample:
    body = {"data": {"names": ["cat", text], "ndarray": [[0.2, 0.8]]}}
    return Sample(as_json(body), JSON | SELDON_RESPONSE)


def outputs(text: str) -> Sample:
    output = {"name": "o", "shape": [1], "datatype": "BYTES", "data": [text]}
    return Sample(as_json({"outputs": [output]}), JSON | RESPONSE)


PLACES: dict[str, Callable[[str], Sample]] = {
    "header ce_id": header("ce_id"),
    "header camera": header("camera"),
    "header ce_camera": header("ce_camera"),
    "header predicted_class": header("predicted_class"),
    "header model_version": header("model_version"),
    "header ce_sampledrate": header("ce_sampledrate"),
    "header ce_time": header("ce_time"),
    "structured id": lambda text: Sample(structured(id=text, data=b64())),
    "structured extension": lambda text: Sample(structured(camera=text, data=b64())),
    "structured time": lambda text: Sample(structured(time=text, data=b64())),
    "structured version": lambda text: Sample(structured(specversion=text, data=b64())),
    "JSON id": lambda text: Sample(as_json({"image": b64(), "frame_no": text})),
    "JSON segment": lambda text: Sample(as_json({"image": b64(), "site": {"line": text}})),
    "V1 label": lambda text: Sample(
        as_json({"instances": [b64()], "predictions": [{"label": text}]}), JSON | REQUEST
    ),
    "V1 prediction": lambda text: Sample(as_json({"predictions": [text]}), JSON | RESPONSE),
    "V2 input": lambda text: Sample(
        v2(name=text, datatype="BYTES", shape=[1], data=[b64()]), JSON | REQUEST
    ),
    "V2 second input": lambda text: Sample(
        as_json({"inputs": [json.loads(v2(data=[0] * 2304))["inputs"][0], {"name": text}]}), JSON
    ),
    "V2 version": lambda text: Sample(
        as_json(json.loads(v2(data=[0] * 2304)) | {"model_version": text}), JSON
    ),
    "V2 id": lambda text: Sample(as_json(json.loads(v2(data=[0] * 2304)) | {"id": text}), JSON),
    "V2 label": outputs,
    "Seldon names": seldon,
    "taps id": lambda text: taps(text, place="ce_id"),
    "taps camera": lambda text: taps(text, place="camera"),
    "taps layer": lambda text: taps(text, place="layer"),
    "taps weights": lambda text: taps(text, place="weights"),
    "taps precision": lambda text: taps(text, place="precision"),
}
UNASKED: dict[str, Callable[[str], Sample]] = {
    "header": header("comment"),
    "header name": lambda text: Sample(jpeg(), {text: b"1"}),
    "attribute": lambda text: Sample(structured(comment=text, data=b64())),
    "attribute name": lambda text: Sample(structured(**{text: "1"}, data=b64())),
    "JSON field": lambda text: Sample(as_json({"image": b64(), "comment": text})),
    "JSON field name": lambda text: Sample(as_json({"image": b64(), text: 1})),
}


def is_kept(text: str, *, most: int) -> bool:
    """Say in other words than the code does what a database and a terminal take."""
    odd = [one for one in text if unicodedata.category(one) in ("Cc", "Cf", "Cs", "Cn", "Zl", "Zp")]
    return 0 < len(text) <= most and set(odd) <= set("\u200c\u200d")


def texts_of(event: Event) -> Iterator[tuple[str, int]]:
    yield event.event_id, 520
    if event.request_id is not None:
        yield event.request_id, 512
    for name, value in event.segments.items():
        yield name, 200
        yield value, 128
    if event.taps is not None:
        yield from ((layer, 512) for layer in event.taps.vectors)
        yield event.taps.origin.weights, 8192


def outcome(sample: Sample, limits: DecodeSettings) -> object:
    try:
        return decode_record(record(sample.value, headers=sample.headers), limits, arrived_at=NOON)
    except EventError as error:
        return error


def hold(sample: Sample, limits: DecodeSettings = SETTINGS) -> object:
    """Decode, and hold what came of it to the law; return it."""
    found = outcome(sample, limits)
    if isinstance(found, EventError):
        assert is_kept(str(found), most=1000)
        kept = dict(reasons(record(b""), error=type(found).__name__, message=str(found)))
        assert len(kept["dlq_message"].decode()) <= 500
        return found
    if isinstance(found, Prediction):
        texts = [(one, 128) for one in found.classes if one is not None]
        assert all(is_kept(text, most=most) for text, most in texts)
    else:
        assert isinstance(found, tuple)
        assert all(is_kept(text, most=most) for event in found for text, most in texts_of(event))
    return found


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("place", PLACES)
def test_a_hostile_text_is_the_events_fault_and_shown_escaped(place: str, text: str) -> None:
    if text == HOSTILE["half of a pair"] and place in (
        "taps layer",
        "taps weights",
        "taps precision",
    ):
        pytest.skip("safetensors writes no such text")
    assert isinstance(hold(PLACES[place](text)), EventError)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("place", UNASKED)
def test_a_hostile_text_that_nobody_asks_for_does_not_cost_the_picture(
    place: str, text: str
) -> None:
    sample = UNASKED[place](text)
    if "\\ud83d" in sample.value.decode("latin-1"):
        pytest.skip("JSON with half of a surrogate pair is not JSON")
    assert isinstance(hold(sample), tuple)


@settings(max_examples=300)
@given(st.sampled_from(sorted(PLACES)), st.text(min_size=1, max_size=140))
def test_any_text_is_kept_as_it_is_or_refused(place: str, text: str) -> None:
    hold(PLACES[place](text))


@settings(max_examples=200)
@given(st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), min_size=1, max_size=60))
def test_a_camera_may_have_any_printable_name(name: str) -> None:
    event = decode_event(
        record(jpeg(), headers={"camera": name.encode()}), SETTINGS, arrived_at=NOON
    )
    assert event.segments == {"camera": unicodedata.normalize("NFC", name)}


@pytest.mark.parametrize(
    "name",
    [
        "カメラ\u3000\uff13",
        "Halle\u00a03",
        "\u062f\u0648\u0631\u0628\u06cc\u0646\u200c\u06f3",
        "👩\u200d🔧",
    ],
)
def test_spaces_and_joiners_of_a_cameras_name_are_kept(name: str) -> None:
    for sample in (
        Sample(jpeg(), {"camera": name.encode()}),
        Sample(structured(camera=name, data=b64())),
        taps(name, place="camera"),
    ):
        (event,) = decode_record(  # type: ignore[misc] # it is a picture
            record(sample.value, headers=sample.headers), SETTINGS, arrived_at=NOON
        )
        assert event.segments == {"camera": name}


def test_an_accent_that_follows_its_letter_makes_no_second_camera() -> None:
    apart, joined = "Ka\u0308fig", "K\u00e4fig"
    event = decode_event(
        record(jpeg(), headers={"camera": apart.encode()}), SETTINGS, arrived_at=NOON
    )
    assert event.segments == {"camera": joined}


def test_the_reason_names_the_place_and_the_length() -> None:
    with pytest.raises(EventSchemaError, match=r"header 'camera' cannot be kept: got 10000 char"):
        decode_event(record(jpeg(), headers={"camera": b"x" * 10_000}), SETTINGS, arrived_at=NOON)
    refused = hold(seldon("a\x1b[2J"))
    assert r"'data.names', label 1 cannot be kept: got 5 characters, 'a\x1b[2J'" in str(refused)


def test_names_of_inputs_are_shown_escaped_where_the_wanted_one_is_missing() -> None:
    listed = [json.loads(v2(name="n" * 500))["inputs"][0]] * 9
    refused = hold(
        Sample(as_json({"inputs": listed}), JSON), replace(SETTINGS, image_field="image")
    )
    assert "the request has no input 'image'; it has 'nnn" in str(refused)


def test_taps_of_another_model_are_refused_on_one_line() -> None:
    wanted = TapsWanted(TapOrigin("w", "Compose(\n    Resize(224)\n)", "float32"), {"a": 2})
    same = encode_taps(TapOrigin("w", "Compose( Resize(224) )", "float32"), {"a": np.ones((1, 2))},
                       [{"ce_id": "1"}])  # fmt: skip
    kind = {"content-type": CONTENT_TYPE.encode()}
    limits = replace(SETTINGS, taps_wanted=wanted)
    assert isinstance(hold(Sample(same, kind), limits), tuple)
    other = same.replace(b"Resize(224)", b"Resize(256)")
    assert "preprocessing: Compose( Resize(256) ) != Compose( Resize(224) )" in str(
        hold(Sample(other, kind), limits)
    )


SPELLINGS: dict[str, Callable[[str], str]] = {
    "capitalised": lambda name: "-".join(part.capitalize() for part in name.split("-")),
    "as HTTP writes": lambda name: name.replace("_", "-").title(),
    "upper case": str.upper,
    "underscores": lambda name: name.replace("-", "_"),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("name", PICTURES)
def test_the_case_of_a_headers_name_changes_nothing(name: str, spelling: str) -> None:
    sample = PICTURES[name]
    plain = {**sample.headers, "camera": b"3", "ce_time": b"2026-02-03T04:05:06Z"}
    spelt = {SPELLINGS[spelling](key): value for key, value in plain.items()}
    one, other = (
        decode_event(record(sample.value, headers=headers), SETTINGS, arrived_at=NOON)
        for headers in (plain, spelt)
    )
    assert (one.event_id, one.event_time, one.segments) == (
        *(other.event_id, other.event_time, other.segments),
    )
    assert np.array_equal(one.image, other.image)


def test_tensors_behind_the_json_need_no_small_letters_in_their_header() -> None:
    sample = raw_v2()
    length = sample.headers["inference-header-content-length"]
    headers = {"Inference-Header-Content-Length": length, "Content-Type": b"application/json"}
    event = decode_event(record(sample.value, headers=headers), SETTINGS, arrived_at=NOON)
    assert event.image.shape == (24, 32, 3)


def test_of_headers_that_differ_in_case_only_the_last_counts() -> None:
    event = decode_event(
        record(jpeg(), headers={"camera": b"3", "Camera": b"4"}), SETTINGS, arrived_at=NOON
    )
    assert event.segments == {"camera": "4"}


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_costs_nothing_where_nobody_asks_for_it(word: str) -> None:
    body = f'{{"image": "{b64()}", "note": "a NaN \\" Infinity", "gps": {{"alt": {word}}}}}'
    limits = DecodeSettings(segment_headers=("json:gps.alt", "json:note"))
    event = decode_event(record(body.encode(), headers=JSON), limits, arrived_at=NOON)
    assert event.segments == {"note": 'a NaN " Infinity'}


def test_pixels_that_are_no_numbers_are_the_events_fault() -> None:
    pixels = np.zeros((8, 8, 3)).tolist()
    pixels[0][0][0] = float("nan")
    refused = hold(Sample(as_json({"instances": [pixels]}), JSON))
    assert isinstance(refused, EventError)


def test_a_message_that_only_begins_like_one_with_nan_is_refused_at_once() -> None:
    refused = hold(Sample(b'{"a": NaN, "' + b'\\"' * 3_000_000, JSON))
    assert "is not JSON" in str(refused)


def test_a_score_is_no_class() -> None:
    found = hold(Sample(as_json({"predictions": [0.93, [0.7], 7.0, [3], {"label": 2}]}), JSON))
    assert found == Prediction(None, (None, None, "7", "3", "2"))


def test_a_record_without_a_value_is_a_tombstone_and_one_without_bytes_is_not() -> None:
    ports = DecodePorts()
    assert decode_record(record(None), SETTINGS, ports, arrived_at=NOON) == Tombstone()
    with pytest.raises(EventSchemaError, match="the message is empty"):
        decode_record(record(b""), SETTINGS, ports, arrived_at=NOON)
