"""Dead letters that only a broker with limits of its own refuses."""

from __future__ import annotations

import time
from statistics import median

import pytest

from driftgauge.agent.errors import SourceUnavailable
from driftgauge.agent.ports import Record
from driftgauge.agent.stream.consumer import ConsumerSettings
from driftgauge.agent.stream.dead_letter import KafkaDeadLetters
from driftgauge.agent.stream.kafka import KafkaSource

from ..agent.records import record
from ..contracts.test_source import joined, read
from ..kafka_server import KafkaServer

pytestmark = pytest.mark.kafka


def test_a_letter_of_many_megabytes_is_kept(apache_kafka: KafkaServer, topic: str) -> None:
    letters = KafkaDeadLetters(apache_kafka.connection(), topic=topic)
    large = bytes(8_000_000)
    letters.send(record(large), error="EventDecodeError", message="no picture")
    letters.flush(10)
    letters.close()
    assert [letter.value for letter in stored(apache_kafka, topic)] == [large]


def test_a_letter_too_large_for_a_topic_that_was_there_leaves_its_reason(
    apache_kafka: KafkaServer, topic: str
) -> None:
    apache_kafka.create_topic(topic)  # it takes a megabyte a message
    letters = KafkaDeadLetters(apache_kafka.connection(), topic=topic)
    letters.send(record(bytes(3_000_000)), error="EventDecodeError", message="no picture")
    with pytest.raises(SourceUnavailable, match="1 dead letters are not stored"):
        letters.flush(10)
    letters.flush(10)
    letters.close()
    (letter,) = stored(apache_kafka, topic)
    assert dict(letter.headers)["dlq_dropped_bytes"] == b"3000000"


def test_a_letter_costs_the_same_however_many_wait(apache_kafka: KafkaServer, topic: str) -> None:
    """They are queued in the loop's thread; the last of 8,000 must not add up all before it."""
    letters = KafkaDeadLetters(apache_kafka.connection(), topic=topic)
    spoilt, seconds = record(b"no picture"), []
    for _ in range(8):
        start = time.process_time()
        for _ in range(1_000):
            letters.send(spoilt, error="EventDecodeError", message="no picture")
        seconds.append(time.process_time() - start)
    letters.close()
    # Medians: the process's full garbage collections, seconds each in a long run of tests, fall on any one of the eight.
    assert median(seconds[4:]) < 2 * median(seconds[:4]) + 0.1, seconds
    assert median(seconds) < 2.5, seconds


def stored(server: KafkaServer, topic: str, n: int = 1) -> list[Record]:
    earliest = ConsumerSettings(auto_offset_reset="earliest")
    source = KafkaSource(server.connection(), topic=topic, group_id=topic, settings=earliest)
    source.seek(dict.fromkeys(joined(source)))
    found = read(source, n)
    source.close()
    return found
