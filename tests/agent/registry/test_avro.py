"""Avro in a schema registry's framing, with a small real registry."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from driftgauge.agent.errors import (
    EventDecodeError,
    EventError,
    EventFetchError,
    EventUnsupported,
    MissingPackage,
    SettingsError,
)
from driftgauge.agent.events.decode import DecodePorts, DecodeSettings
from driftgauge.agent.events.event import Event
from driftgauge.agent.registry.client import RegistryClient
from driftgauge.agent.registry.record_reader import RecordReader
from driftgauge.extras import install_command
from tests.agent.records import NOON, decode_event, jpeg, pixels, record

from ..events.samples import as_json, b64
from ..fetch.site import Site, answer, serving

fastavro = pytest.importorskip("fastavro")

FRAME: dict[str, Any] = {
    "type": "record",
    "name": "Frame",
    "fields": [
        {"name": "frame_id", "type": "string"},
        {"name": "taken_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "site", "type": {"type": "record", "name": "Site", "fields": [
            {"name": "line", "type": ["null", "int"]}]}},
        {"name": "picture", "type": "bytes"},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
    ],
}  # fmt: skip
LOOP = {
    "type": "record",
    "name": "Node",
    "fields": [{"name": "next", "type": ["null", "Node"]}],
}
TAKEN = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)


def framed(number: int = 7, **fields: object) -> bytes:
    sink = io.BytesIO()
    whole = {
        "frame_id": "f-1",
        "taken_at": TAKEN,
        "site": {"line": 4},
        "picture": jpeg(),
        "tags": ["a"],
    }
    fastavro.schemaless_writer(sink, fastavro.parse_schema(FRAME), whole | fields)
    return b"\0" + number.to_bytes(4, "big") + sink.getvalue()


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        site.answers["/schemas/ids/7"] = answer(200, as_json({"schema": as_json(FRAME).decode()}))
        yield site


def decode(site: Site, value: bytes, **reader: Any) -> Event:
    settings = DecodeSettings(
        segment_headers=("json:site.line",),
        image_field="picture",
        id_field="frame_id",
        time_field="taken_at",
    )
    read = reader.get("reader") or RecordReader(RegistryClient(f"http://127.0.0.1:{site.port}"))
    ports = DecodePorts(read_record=read)
    return decode_event(record(value), settings, ports, arrived_at=NOON)


def test_a_record_gives_picture_id_time_and_segments(site: Site) -> None:
    event = decode(site, framed())
    assert pixels(event).shape == (24, 32, 3)
    assert (event.event_id, event.event_time) == ("f-1", TAKEN)
    assert event.segments == {"site.line": "4"}


def test_a_schema_is_asked_for_once_and_with_the_login(site: Site) -> None:
    reader = RecordReader(RegistryClient(f"http://me:a%20b@127.0.0.1:{site.port}/"))
    for _ in range(3):
        decode(site, framed(), reader=reader)
    assert site.asked == [f"127.0.0.1:{site.port}/schemas/ids/7"]
    assert site.logins == ["Basic bWU6YSBi"]
    assert "a%20b" not in repr(reader)


def test_an_unknown_schema_is_asked_for_again_only_after_a_while(site: Site) -> None:
    now = [0.0]
    reader = RecordReader(RegistryClient(f"http://127.0.0.1:{site.port}"), clock=lambda: now[0])
    for moment in (0.0, 1.0, 20.0):
        now[0] = moment
        with pytest.raises(EventFetchError, match="has no schema with id 8"):
            decode(site, framed(8), reader=reader)
    assert len(site.asked) == 2


def test_a_registry_that_is_away_is_tried_some_times(site: Site) -> None:
    site.answers["/schemas/ids/7"] = answer(503)
    reader = RecordReader(RegistryClient(f"http://127.0.0.1:{site.port}", wait=lambda _: None))
    with pytest.raises(EventFetchError, match="is unreachable after 3 attempts"):
        decode(site, framed(), reader=reader)
    assert len(site.asked) == 3


@pytest.mark.parametrize(
    ("answered", "error", "words"),
    [
        (
            {"schema": "{}", "schemaType": "JSON"},
            EventUnsupported,
            "is 'JSON', which is not read; wanted Avro or Protobuf",
        ),
        ({"schema": "{}", "references": [{"name": "x"}]}, EventUnsupported, "refers to others"),
        ({"schema": as_json(LOOP).decode()}, EventUnsupported, "contains itself"),
        ({"schema": "no json"}, EventFetchError, "is not a valid Avro schema"),
        ({"schema": '{"type": "nothing"}'}, EventFetchError, "is not a valid Avro schema"),
        ({"schema": '"string"'}, EventError, "schema 7"),
    ],
)
def test_a_schema_that_is_not_read_is_named(
    site: Site, answered: object, error: type[EventError], words: str
) -> None:
    site.answers["/schemas/ids/7"] = answer(200, as_json(answered))
    with pytest.raises(error, match=words):
        decode(site, framed())


def test_bytes_that_are_not_of_the_schema_are_refused(site: Site) -> None:
    reader = RecordReader(RegistryClient(f"http://127.0.0.1:{site.port}"))
    whole = framed()
    for damaged in (
        whole[:-1],
        whole + b"x",
        whole[:5] + b"\xff" * 40,
        whole[:5] + b"\xfe\xff\xff\xff\x0f",
    ):
        with pytest.raises(EventDecodeError, match="not of Avro schema 7"):
            decode(site, damaged, reader=reader)
    with pytest.raises(EventError, match="not in a schema registry's framing"):
        reader(b"\1\0\0\0\7x")


def test_a_picture_in_base64_text_is_read_too(site: Site) -> None:
    text = {**FRAME, "fields": [{"name": "picture", "type": "string"}]}
    site.answers["/schemas/ids/9"] = answer(200, as_json({"schema": as_json(text).decode()}))
    sink = io.BytesIO()
    fastavro.schemaless_writer(sink, fastavro.parse_schema(text), {"picture": b64()})
    event = decode(site, b"\0\0\0\0\x09" + sink.getvalue())
    assert event.event_id == "frames/0/0"


def test_a_question_about_an_unknown_schema_holds_nobody_who_knows_his(site: Site) -> None:
    asked = threading.Event()

    def slow(handler: BaseHTTPRequestHandler) -> None:
        asked.set()
        site.released.wait()

    site.answers["/schemas/ids/71"] = slow  # 71 shares the lock of 7
    read = RecordReader(RegistryClient(f"http://127.0.0.1:{site.port}", tries=1))
    decode(site, framed(), reader=read)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(decode, site, framed(71), reader=read)
        assert asked.wait(60)
        assert decode(site, framed(), reader=read).event_id == "f-1"
        assert not waiting.done()
        site.released.set()
        with pytest.raises(EventFetchError, match="schema registry is unreachable"):
            waiting.result(10)


def test_a_schema_that_the_registry_has_not_is_told_by_its_id_and_asked_for_again_later(
    site: Site,
) -> None:
    now = [0.0]
    client = RegistryClient(f"http://127.0.0.1:{site.port}")
    read = RecordReader(client, clock=lambda: now[0])
    for _ in range(3):
        with pytest.raises(EventFetchError, match=r"has no schema with id 6246$"):
            decode(site, framed(6246), reader=read)
    assert len(site.asked) == 1
    now[0] = 11.0
    site.answers["/schemas/ids/6246"] = site.answers["/schemas/ids/7"]
    assert decode(site, framed(6246), reader=read).event_id == "f-1"


@pytest.mark.parametrize("status", [401, 403])
def test_a_registry_that_refuses_our_login_costs_no_event_and_stops_the_agent(
    site: Site, status: int
) -> None:
    site.answers["/schemas/ids/7"] = answer(status)
    with pytest.raises(SettingsError, match=rf"refuses this agent \({status}\)$") as caught:
        decode(site, framed())
    assert caught.value.hint == "set user name and password in events.registry_url"


def test_a_missing_package_stops_the_agent_with_the_way_out(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = RecordReader(RegistryClient(f"http://127.0.0.1:{site.port}"))
    monkeypatch.setitem(sys.modules, "fastavro", None)
    with pytest.raises(MissingPackage, match="is not installed") as caught:
        decode(site, framed(), reader=reader)
    assert caught.value.hint == install_command("avro")


def test_a_registry_for_nothing_that_is_installed_is_told_at_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in ("fastavro", "google.protobuf"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SettingsError, match="both fastavro and protobuf are missing") as caught:
        RecordReader(RegistryClient("http://127.0.0.1:1"))
    assert caught.value.hint == install_command("avro", "protobuf")
