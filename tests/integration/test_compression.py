"""What producers compress with is read; what cannot be decompressed here is never lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from kafka import KafkaProducer, TopicPartition, codec  # noqa: TID251 - a producer that compresses
from kafka.admin import KafkaAdminClient  # noqa: TID251 - what operators do

from driftgauge.agent.errors import SourceBroken
from driftgauge.agent.stream.cluster_view import newest_records
from driftgauge.agent.stream.consumer import ConsumerSettings
from driftgauge.agent.stream.kafka import KafkaSource
from driftgauge.agent.stream.letter_box import open_letter_box

from ..agent.records import NOON, jpeg
from ..broker import until
from ..contracts.test_source import joined, read
from ..kafka_server import KafkaServer
from .agent_rig import Rig, new_store

pytestmark = pytest.mark.kafka

CODECS = ["gzip", "snappy", "lz4", "zstd"]
MIB = 1024 * 1024


@pytest.fixture
def rig(apache_kafka: KafkaServer, topic: str, tmp_path: Path) -> Iterator[Rig]:
    apache_kafka.create_topic(topic)
    with new_store(tmp_path, topic) as store:
        yield Rig(apache_kafka, topic, store)


def send(rig: Rig, *values: bytes, compression: str | None) -> None:
    """Send *values* in one batch."""
    options = rig.server.connection().producer_options()
    options |= {"compression_type": compression, "linger_ms": 100, "batch_size": 64 * MIB}
    producer = KafkaProducer(**options, max_request_size=64 * MIB)
    for value in values:
        producer.send(rig.topic, value, timestamp_ms=round(NOON.timestamp() * 1000))
    producer.close()


@pytest.mark.parametrize("compression", CODECS)
def test_every_event_of_a_compressed_topic_is_counted(rig: Rig, compression: str) -> None:
    send(rig, *[jpeg()] * 30, compression=compression)
    agent = rig.agent()
    agent.read(30)
    agent.leave()
    assert agent.next_offsets == {0: 30}
    assert agent.letters.stored == []


@pytest.mark.parametrize(
    ("compression", "package"), [("snappy", "python-snappy"), ("lz4", "lz4"), ("zstd", "zstandard")]
)
def test_a_codec_that_is_not_installed_stops_the_agent_and_moves_no_offset(
    rig: Rig, compression: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.send(3)
    send(rig, *[jpeg()] * 5, compression=compression)
    with monkeypatch.context() as missing:
        missing.setattr(codec, f"has_{compression}", lambda: False)
        agent = rig.agent()
        with pytest.raises(SourceBroken, match=f"the package {package} is not installed"):
            until(lambda: False, agent.loop.turn)
        agent.leave()
    assert agent.letters.stored == []
    assert agent.next_offsets.get(0, 0) <= 3
    agent = rig.agent()
    agent.read(8)
    agent.leave()


def test_a_batch_that_unpacks_to_too_much_leaves_a_letter_and_the_rest_counts(rig: Rig) -> None:
    send(rig, *[jpeg()] * 3, compression="gzip")
    send(rig, *[bytes(10 * MIB)] * 2, compression="gzip")
    send(rig, *[jpeg()] * 4, compression="gzip")
    agent = rig.agent(connection=replace(rig.server.connection(), max_batch_bytes=8 * MIB))
    agent.read(7)
    agent.leave()
    assert agent.next_offsets == {0: 9}
    (letter,) = agent.letters.stored
    message = dict(letter.headers)["dlq_message"].decode()
    assert message.startswith(f"offsets 3 to 4 of {rig.topic}/0 cannot be read")
    assert "decompresses to more than kafka.max_batch_bytes = 8388608" in message


def test_what_one_poll_brings_is_bounded_whatever_the_fetch_holds(rig: Rig) -> None:
    """Six batches of 20 MB each, 20 KB on the wire: one fetch has room for all of them."""
    for _ in range(6):
        send(rig, *[bytes(MIB)] * 20, compression="gzip")
    settings = ConsumerSettings(fetch_max_bytes=4 * MIB)
    source = KafkaSource(
        rig.server.connection(), topic=rig.topic, group_id=rig.topic, settings=settings
    )
    source.seek(dict.fromkeys(joined(source)))
    offsets: list[int] = []

    def poll() -> None:
        records = source.poll(0.05).records
        assert sum(len(one.value or b"") for one in records) <= 4 * MIB
        offsets.extend(one.offset for one in records)

    until(lambda: len(offsets) >= 120, poll)
    source.close()
    assert offsets == list(range(120))


def test_pausing_within_a_compressed_batch_loses_and_doubles_nothing(rig: Rig, topic: str) -> None:
    """Each poll ends within a batch, and the partition is paused there."""
    name, n = f"{topic}.wide", 400
    rig.server.create_topic(name, 3)
    options = {**rig.server.connection().producer_options(), "compression_type": "zstd"}
    producer = KafkaProducer(**options, linger_ms=50, batch_size=MIB)
    for number in range(3 * n):
        producer.send(name, bytes(10_000), partition=number % 3)
    producer.close()
    settings = ConsumerSettings(fetch_max_bytes=65_536)
    source = KafkaSource(rig.server.connection(), topic=name, group_id=name, settings=settings)
    source.seek(dict.fromkeys(joined(source)))
    found: dict[int, list[int]] = {0: [], 1: [], 2: []}

    def turn() -> None:
        for one in source.poll(0.05).records:
            found[one.partition].append(one.offset)
        source.pause()
        assert not source.poll(0.001).records
        source.resume()

    until(lambda: sum(map(len, found.values())) >= 3 * n, turn, turns=1_000)
    source.close()
    assert found == {number: list(range(n)) for number in range(3)}


def test_a_partition_that_is_paused_alone_within_a_batch_is_read_on(rig: Rig) -> None:
    """The client parks what is left of the batch, and without help never takes it up again."""
    send(rig, *[bytes(5_000)] * 20, compression="zstd")
    with closing(KafkaAdminClient(**rig.server.connection().options())) as admin:
        admin.create_partitions({rig.topic: 2})
    settings = ConsumerSettings(fetch_max_bytes=20_000)
    source = KafkaSource(
        rig.server.connection(), topic=rig.topic, group_id=rig.topic, settings=settings
    )
    source.seek(dict.fromkeys(joined(source)))
    consumer = source._consumer
    assert consumer is not None
    found = read(source, 1)
    assert len(found) == 4
    consumer.pause(TopicPartition(rig.topic, 0))
    rig.send(1, partition=1)
    assert [one.partition for one in read(source, 1)] == [1]
    consumer.resume(TopicPartition(rig.topic, 0))
    found += read(source, 16)
    source.close()
    assert [one.offset for one in found] == list(range(20))


def test_dead_letters_whose_codec_is_not_installed_are_not_called_missing(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(rig, bytes(1_000), compression="zstd")
    monkeypatch.setattr(codec, "has_zstd", lambda: False)
    with (
        pytest.raises(SourceBroken, match="the package zstandard is not installed"),
        open_letter_box(rig.server.connection(), rig.topic) as box,
    ):
        list(box.records())


def test_a_look_at_the_newest_messages_names_the_missing_codec(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(rig, bytes(1_000), compression="lz4")
    assert len(newest_records(rig.server.connection(), rig.topic, 3)) == 1
    monkeypatch.setattr(codec, "has_lz4", lambda: False)
    with pytest.raises(SourceBroken, match="the package lz4 is not installed"):
        newest_records(rig.server.connection(), rig.topic, 3)
