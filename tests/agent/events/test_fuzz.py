"""Hostile messages: each gives events, a prediction, or a reason; never a crash, never without bound.

``make fuzz`` is the long form.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings

from driftgauge.agent.clock import ManualClock
from driftgauge.agent.events.decode import DecodePorts
from driftgauge.agent.loop.loop import AgentLoop
from driftgauge.agent.loop.loop_settings import LoopSettings
from driftgauge.agent.registry.client import RegistryClient
from driftgauge.agent.registry.record_reader import RecordReader
from driftgauge.agent.stream.in_memory import MemoryDeadLetters, MemorySource, MemoryTopic
from driftgauge.storage import Database, Store
from tests.agent.scorer import BrightnessScorer

from ..fetch.site import answer, serving
from ..registry.protobuf_samples import serve_schema
from .hostile import AVRO_SCHEMA, KINDS, hostile
from .probe import (
    ARRIVED,
    MAX_BYTES,
    MAX_SECONDS,
    fuzz_ports,
    fuzz_settings,
    json_record,
    peak_bytes,
    probe,
)
from .samples import as_json
from .strategies import DOCUMENTS, HEADER_SETS

N = 2_200
N_THROUGH_THE_LOOP = 300
SLOW_MACHINE = 5
"""How many times slower a busy test machine may be than the bound says."""


@pytest.fixture(scope="module")
def allowing() -> Iterator[DecodePorts]:
    pytest.importorskip("fastavro")
    pytest.importorskip("google.protobuf")
    with serving() as site:
        site.answers["/schemas/ids/7"] = answer(
            200, as_json({"schema": as_json(AVRO_SCHEMA).decode()})
        )
        serve_schema(site, number=8)
        yield fuzz_ports(RecordReader(RegistryClient(f"http://127.0.0.1:{site.port}")))


def test_every_hostile_message_ends_in_an_outcome_within_bounds(allowing: DecodePorts) -> None:
    base = peak_bytes()
    outcomes = [probe(*hostile(seed), allowing, base_bytes=base) for seed in range(N)]
    assert {outcome.kind for outcome in outcomes} == set(KINDS)
    assert max(outcome.seconds for outcome in outcomes) < MAX_SECONDS * SLOW_MACHINE
    assert max(outcome.n_bytes for outcome in outcomes) < MAX_BYTES
    results = Counter(outcome.result for outcome in outcomes)
    assert {
        "event",
        "prediction",
        "tombstone",
        "EventDecodeError",
        "EventSchemaError",
        "EventFetchError",
    } <= set(results)


@settings(max_examples=200)
@given(DOCUMENTS, HEADER_SETS)
def test_any_json_and_any_headers_end_in_an_outcome(
    document: dict[str, Any], headers: dict[str, bytes]
) -> None:
    probe("any", json_record(document, headers), fuzz_ports(), base_bytes=0)


def test_each_hostile_message_is_counted_passed_over_or_a_letter_and_the_stream_goes_on(
    database: Database,
) -> None:
    store, topic, stop = Store(database), MemoryTopic("frames"), threading.Event()
    letters = MemoryDeadLetters()
    store.ensure_stream("line", "frames", 60)
    for seed in range(N_THROUGH_THE_LOOP):
        _, record = hostile(seed)
        topic.append(record.value, headers=dict(record.headers), timestamp_ms=0)
    clock = ManualClock(ARRIVED)
    loop = AgentLoop(
        source=MemorySource(topic, auto_offset_reset="earliest"),
        dead_letters=letters,
        scorer=BrightnessScorer(),
        store=store,
        clock=clock,
        settings=LoopSettings(stream="line", decode=fuzz_settings(), max_segments=20),
        stop=stop,
        ports=fuzz_ports(),
    )
    for _ in range(N_THROUGH_THE_LOOP):
        loop.turn()
        clock.sleep(1)
    stop.set()
    done = loop.run()
    assert store.offsets("line", topic.partitions) == {("frames", 0): N_THROUGH_THE_LOOP}
    assert store.event_counts("line")["*"] == done.n_counted > 10
    assert len(letters.stored) == done.n_dead_letters > 50
    outcomes = [
        probe(*hostile(seed), fuzz_ports(), base_bytes=0).result
        for seed in range(N_THROUGH_THE_LOOP)
    ]
    wanted = [seed for seed, outcome in enumerate(outcomes) if outcome.startswith("Event")]
    assert [letter.offset for letter in letters.stored] == wanted
