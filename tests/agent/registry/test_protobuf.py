"""Protobuf in a schema registry's framing, with a small real registry."""

from __future__ import annotations

import contextlib
import random
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftgauge.agent.errors import (
    EventDecodeError,
    EventError,
    EventFetchError,
    EventSchemaError,
    EventUnsupported,
    MissingPackage,
)
from driftgauge.agent.events.decode import DecodePorts, DecodeSettings
from driftgauge.agent.events.event import Event
from driftgauge.agent.registry.client import RegistryClient
from driftgauge.agent.registry.protobuf import split_path
from driftgauge.agent.registry.record_reader import RecordReader
from driftgauge.extras import install_command
from tests.agent.records import NOON, decode_event, jpeg, pixels, record

from ..events.hostile import framed_protobuf
from ..events.probe import MAX_BYTES, MAX_SECONDS, fuzz_ports, peak_bytes, probe
from ..events.samples import as_json
from ..fetch.site import Site, answer, serving
from .protobuf_samples import (
    FILE,
    SITE,
    TAKEN_SECONDS,
    frame,
    framed,
    member,
    path,
    serve_schema,
)

pytest.importorskip("google.protobuf")

IMPORTING = FILE.replace("dependency: [", 'dependency: ["plant/site.proto", ')
PLACE = "/subjects/plant%2Fsite.proto/versions/2"
REFERENCE = {"name": "plant/site.proto", "subject": "plant/site.proto", "version": 2}
N_DAMAGED = 800
SLOW_MACHINE = 5


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        serve_schema(site)
        yield site


def reader(site: Site) -> RecordReader:
    client = RegistryClient(f"http://127.0.0.1:{site.port}", wait=lambda _: None)
    return RecordReader(client)


def decode(site: Site, value: bytes, read: RecordReader | None = None) -> Event:
    limits = DecodeSettings(
        segment_headers=("json:site.line", "json:kind", "json:camera"),
        image_field="image",
        id_field="frame_id",
        time_field="taken_at",
    )
    ports = DecodePorts(read_record=read or reader(site))
    return decode_event(record(value), limits, ports, arrived_at=NOON)


def test_a_message_gives_picture_id_time_and_segments(site: Site) -> None:
    event = decode(site, framed(frame(), 1))
    assert pixels(event).shape == (24, 32, 3)
    taken = datetime.fromtimestamp(TAKEN_SECONDS, UTC).replace(microsecond=5)
    assert (event.event_id, event.event_time) == ("f-1", taken)
    assert event.segments == {"site.line": "4", "kind": "RAW", "camera": "cam"}


def test_a_document_has_every_field_by_name_also_those_not_sent(site: Site) -> None:
    found = reader(site)(framed(frame(), 1))
    assert found["image"] == jpeg()
    assert found["labels"] == ["a", "b"]
    assert found["sizes"] == [300, 2]
    assert found["site"] == {"line": 4, "place": None, "hall": None}
    assert found["notes"] == {"3": {"line": 0, "place": 9, "hall": None}}
    assert found["before"] is None
    assert reader(site)(framed(b"", 1)) == {
        "frame_id": None, "taken_at": None, "site": None, "image": None, "labels": [], "notes": {},
        "before": None, "camera": None, "sizes": [], "kind": "UNKNOWN",
    }  # fmt: skip


def test_the_index_path_names_the_message_and_maps_do_not_count(site: Site) -> None:
    read = reader(site)
    assert read(b"\0\0\0\0\7\0" + member(4, b"of another message")) == {}
    assert read(framed(b"", 0)) == {}
    assert read(framed(b"", 2)) == {"line": 0, "place": None, "hall": None}
    assert pixels(decode(site, framed(member(1, jpeg()), 1, 0))).shape == (24, 32, 3)


def test_a_schema_is_asked_for_once(site: Site) -> None:
    read = reader(site)
    for _ in range(3):
        decode(site, framed(frame(), 1), read)
    assert [place.partition("/")[2] for place in site.asked] == [
        "schemas/ids/7",
        "schemas/ids/7?format=serialized",
    ]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (framed(frame()[:-1], 1), "not of Protobuf schema 7"),
        (framed(frame()[:60], 1), "not of Protobuf schema 7"),
        (framed(member(1, b"\xff\xfe"), 1), "not of Protobuf schema 7"),
        (framed(member(2, member(1, 2**62)), 1), "not of Protobuf schema 7"),
        (framed(frame(), 3), r"no message at the index path \[3\]: got 3, wanted less than 3"),
        (framed(frame(), 1, 1), r"index path \[1, 1\]: got 1, wanted less than 1"),
        (framed(frame(), 1, 0, 0), "wanted less than 0"),
        (b"\0\0\0\0\7\2\1" + frame(), r"index path \[-1\]"),
        (b"\0\0\0\0\7\4\2", "index path cannot be read: it begins with"),
        (b"\0\0\0\0\7" + b"\xff" * 9, "index path cannot be read: it begins with"),
        (b"\0\0\0\0\7" + path(*range(40)), "got 40 numbers, wanted 1 to 32"),
        (b"\0\0\0\0\7\1", "got -1 numbers"),
    ],
)
def test_bytes_that_are_not_of_the_schema_are_refused(site: Site, value: bytes, words: str) -> None:
    with pytest.raises(EventDecodeError, match=words):
        decode(site, value)


def test_a_message_cut_between_fields_has_no_picture(site: Site) -> None:
    with pytest.raises(EventSchemaError, match="no picture"):
        decode(site, framed(member(1, b"f-1"), 1))


def test_nesting_without_end_and_values_without_number_are_refused(site: Site) -> None:
    read, nested = reader(site), b""
    for _ in range(5000):
        nested = member(7, nested)
    with pytest.raises(EventDecodeError, match="not of Protobuf schema 7"):
        read(framed(nested, 1))
    many = b"".join(member(6, member(1, n)) for n in range(100_001))
    for crowded in (many, member(9, b"\1" * 1_000_001), member(5, b"") * 1_000_001):
        with pytest.raises(EventDecodeError, match="too many values"):
            read(framed(crowded, 1))


def test_a_file_that_is_imported_is_found_by_its_reference(site: Site) -> None:
    serve_schema(site, IMPORTING, references=[REFERENCE])
    serve_schema(site, 'package: "line" syntax: "proto3"' + SITE, number=3)
    site.answers[PLACE] = answer(200, as_json({"id": 3, "schema": "..."}))
    assert decode(site, framed(frame(), 1)).segments["site.line"] == "4"
    del site.answers[PLACE]
    with pytest.raises(EventFetchError, match="has no schema at /subjects"):
        decode(site, framed(frame(), 1))


def test_a_file_that_is_imported_for_options_only_need_not_be_there(site: Site) -> None:
    options = FILE.replace("dependency: [", 'dependency: ["confluent/meta.proto", ')
    serve_schema(site, options + SITE)
    assert decode(site, framed(frame(), 1)).event_id == "f-1"


@pytest.mark.parametrize(
    ("text", "references", "error", "words"),
    [
        (
            IMPORTING,
            [],
            EventUnsupported,
            "imports plant/site.proto, which is missing from its references",
        ),
        (FILE, [], EventFetchError, "schema 7 from the schema registry is invalid"),
        (FILE + SITE, [{"name": "x"}], EventFetchError, "references of schema 7 cannot be read"),
        (FILE + SITE, ["x"], EventFetchError, "registry's references of schema 7 cannot be read"),
        (FILE + SITE + SITE, [], EventFetchError, "schema 7 from the schema registry is invalid"),
    ],
)
def test_a_schema_that_cannot_be_built_is_named(
    site: Site, text: str, references: Any, error: type[EventError], words: str
) -> None:
    serve_schema(site, text, references=references)
    with pytest.raises(error, match=words):
        decode(site, framed(frame(), 1))


def test_files_that_import_each_other_are_refused(site: Site) -> None:
    serve_schema(site, IMPORTING, references=[REFERENCE])
    back = 'package: "line" syntax: "proto3" dependency: "schema-7.proto"' + SITE
    serve_schema(site, back, number=3, references=[REFERENCE])
    site.answers[PLACE] = answer(200, as_json({"id": 3}))
    with pytest.raises(EventFetchError, match="schema 7 from the schema registry is invalid"):
        decode(site, framed(frame(), 1))


@pytest.mark.parametrize(
    ("answered", "error", "words"),
    [
        (
            answer(200, as_json({"schema": 'syntax = "proto3"; message A {}'})),
            EventUnsupported,
            "does not return schema 7 as a serialized file descriptor",
        ),
        (answer(200, as_json({})), EventUnsupported, "does not return schema 7 as a"),
        (answer(200, as_json({"schema": "////"})), EventUnsupported, "does not return schema 7"),
        (
            answer(422),
            EventFetchError,
            r"answers 422 for .*, wanted 200; .* know \?format=serialized",
        ),
        (
            answer(501),
            EventFetchError,
            r"is unreachable after 3 attempts .* know \?format=serialized",
        ),
    ],
)
def test_a_registry_that_gives_no_descriptors_is_told(
    site: Site, answered: Any, error: type[EventError], words: str
) -> None:
    site.answers["/schemas/ids/7?format=serialized"] = answered
    with pytest.raises(error, match=words):
        decode(site, framed(frame(), 1))


def test_a_missing_package_stops_the_agent_with_the_way_out(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = reader(site)
    monkeypatch.setitem(sys.modules, "google.protobuf.message_factory", None)
    with pytest.raises(MissingPackage, match="is not installed") as caught:
        decode(site, framed(frame(), 1), read)
    assert caught.value.hint == install_command("protobuf")


@given(st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=32), st.binary(max_size=5))
def test_an_index_path_is_read_as_it_was_written(indices: list[int], rest: bytes) -> None:
    written = path(*indices)
    assert split_path(written + rest) == (indices, len(written))


def test_any_bytes_give_a_document_or_a_reason(site: Site) -> None:
    read = reader(site)

    @settings(max_examples=300)
    @given(st.binary(min_size=1, max_size=400))
    def hold(body: bytes) -> None:
        with contextlib.suppress(EventError):
            assert isinstance(read(b"\0\0\0\0\7" + body), dict)

    hold()


def test_damaged_messages_end_in_an_outcome_within_bounds(site: Site) -> None:
    serve_schema(site, number=8)
    rng, base, limits = random.Random(5), peak_bytes(), fuzz_ports(reader(site))
    results: Counter[str] = Counter()
    for _ in range(N_DAMAGED):
        value, _ = framed_protobuf(rng)
        outcome = probe("damaged", record(value or b""), limits, base_bytes=base)
        assert outcome.seconds < MAX_SECONDS * SLOW_MACHINE
        assert outcome.n_bytes < MAX_BYTES
        results[outcome.result] += 1
    assert {"event", "EventDecodeError", "EventSchemaError", "EventFetchError"} <= set(results)
