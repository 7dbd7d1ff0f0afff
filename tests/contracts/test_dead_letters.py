"""What every dead-letter box promises, Kafka's and the one in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from driftgauge.agent.ports import DeadLetters, Record
from driftgauge.agent.stream.dead_letter import KafkaDeadLetters
from driftgauge.agent.stream.in_memory import MemoryDeadLetters
from driftgauge.agent.stream.kafka import KafkaSource

from ..agent.records import record
from ..broker import BROKERS, Broker, consumer_settings
from .test_source import joined, read

Stored = Callable[[int], list[Record]]


@pytest.fixture(params=["memory", *BROKERS])
def box(request: pytest.FixtureRequest, topic: str) -> Iterator[tuple[DeadLetters, Stored]]:
    if request.param == "memory":
        letters = MemoryDeadLetters()
        yield letters, lambda _: letters.stored
        return
    broker: Broker = request.getfixturevalue(request.param)
    sent = KafkaDeadLetters(broker.connection(), topic=topic, max_message_bytes=100_000)
    earliest = consumer_settings(broker)
    source = KafkaSource(broker.connection(), topic=topic, group_id=topic, settings=earliest)

    def stored(n: int) -> list[Record]:
        source.seek(dict.fromkeys(joined(source)))
        return read(source, n)

    yield sent, stored
    sent.close()
    source.close()


def test_a_letter_is_untouched_but_for_the_reason(box: tuple[DeadLetters, Stored]) -> None:
    letters, stored = box
    original = replace(
        record(b"no picture", offset=41, headers={"camera": b"3"}), key=b"k", partition=2
    )
    letters.send(original, error="EventDecodeError", message="the message is no picture")
    letters.flush(5)
    (letter,) = stored(1)
    assert (letter.key, letter.value) == (b"k", b"no picture")
    assert letter.timestamp_ms in (original.timestamp_ms, letter.timestamp_ms)
    headers = dict(letter.headers)
    assert letter.headers[0] == ("camera", b"3")
    assert headers["dlq_topic"] == b"frames"
    assert (headers["dlq_partition"], headers["dlq_offset"]) == (b"2", b"41")
    assert headers["dlq_error"] == b"EventDecodeError"
    assert headers["dlq_message"] == b"the message is no picture"
    assert headers["dlq_agent"]
    assert headers["dlq_attempt"] == b"1"


def test_a_letter_without_key_and_value_is_kept(box: tuple[DeadLetters, Stored]) -> None:
    letters, stored = box
    letters.send(record(None), error="EventSchemaError", message="the message is empty")
    letters.flush(5)
    assert not stored(1)[0].value


def test_closing_sends_what_is_queued(box: tuple[DeadLetters, Stored]) -> None:
    letters, stored = box
    for offset in range(20):
        letters.send(record(b"x", offset=offset), error="EventDecodeError", message="no")
    letters.close()
    letters.close()
    offsets = {int(dict(letter.headers)["dlq_offset"]) for letter in stored(20)}
    assert offsets == set(range(20))


@pytest.mark.parametrize("kind", BROKERS)
def test_a_letter_that_the_broker_refuses_leaves_its_reason(
    kind: str, topic: str, request: pytest.FixtureRequest
) -> None:
    broker: Broker = request.getfixturevalue(kind)
    letters = KafkaDeadLetters(broker.connection(), topic=topic, max_message_bytes=1_000)
    letters.send(record(b"x" * 200_000), error="EventSchemaError", message="too large")
    letters.flush(5)
    letters.close()
    earliest = consumer_settings(broker)
    source = KafkaSource(broker.connection(), topic=topic, group_id=topic, settings=earliest)
    source.seek(dict.fromkeys(joined(source)))
    (letter,) = read(source, 1)
    source.close()
    assert letter.value == b""
    assert dict(letter.headers)["dlq_dropped_bytes"] == b"200000"
