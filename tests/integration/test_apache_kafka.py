"""What only a real Kafka does: it keeps topics, deletes by retention, has transactions, grows."""

from __future__ import annotations

import logging
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from kafka import KafkaProducer, TopicPartition  # noqa: TID251 - what operators and cameras do
from kafka.admin import KafkaAdminClient  # noqa: TID251

from driftgauge.agent.demo.produce import FrameProducer
from driftgauge.agent.errors import SourceBroken
from driftgauge.agent.stream.consumer import ConsumerSettings, OffsetReset
from driftgauge.agent.stream.kafka import KafkaSource

from ..agent.records import NOON, jpeg
from ..broker import until
from ..contracts.test_source import joined, read
from ..kafka_server import KafkaServer
from .agent_rig import Rig, new_store

pytestmark = pytest.mark.kafka


@dataclass(frozen=True)
class ApacheRig(Rig):
    """Can also stop its broker and spoil its files."""

    server: KafkaServer


@pytest.fixture
def rig(apache_kafka: KafkaServer, topic: str, tmp_path: Path) -> Iterator[ApacheRig]:
    apache_kafka.create_topic(topic)
    with new_store(tmp_path, topic) as store:
        yield ApacheRig(apache_kafka, topic, store)


@pytest.fixture
def admin(apache_kafka: KafkaServer) -> Iterator[KafkaAdminClient]:
    client = KafkaAdminClient(**apache_kafka.connection().options())
    yield client
    client.close()


def test_what_retention_took_is_told_and_reading_goes_on(
    rig: ApacheRig, admin: KafkaAdminClient, caplog: pytest.LogCaptureFixture
) -> None:
    rig.send(20)
    agent = rig.agent()
    agent.read(20)
    agent.leave()
    rig.send(20)
    admin.delete_records({TopicPartition(rig.topic, 0): 30})
    agent = rig.agent()
    with caplog.at_level(logging.ERROR):
        agent.read(30)
    agent.leave()
    assert "10 offsets, 20 to 29, were deleted by retention before they were counted" in caplog.text
    assert agent.next_offsets == {0: 40}


def test_a_batch_that_is_corrupt_on_disk_is_stepped_over_with_a_letter(
    rig: ApacheRig, caplog: pytest.LogCaptureFixture
) -> None:
    """One bit flips while the broker is down; the batches around it count.

    A poll long enough to join the group and to read in it, as on a busy machine, meets it first.
    """
    for n in (6, 5, 4):
        rig.send(n)
    (log_file,) = (rig.server.folder / "data" / f"{rig.topic}-0").glob("*.log")
    with rig.server.away():
        spoilt = bytearray(log_file.read_bytes())
        spoilt[batch_starts(bytes(spoilt))[6] + 200] ^= 0x10
        log_file.write_bytes(spoilt)
    agent = rig.agent(poll_seconds=1.0)
    n_lost = last_of_batch(bytes(spoilt), 6) - 5
    agent.read(15 - n_lost)
    agent.loop.flush()
    assert agent.next_offsets == {0: 15}
    (letter,) = agent.letters.stored
    headers = dict(letter.headers)
    assert headers["dlq_error"] == b"EventUnreadable"
    assert letter.value == b""
    assert b"offsets 6 to %d of" % (5 + n_lost) in headers["dlq_message"]
    assert "failed crc check" in headers["dlq_message"].decode()
    agent.leave()
    again = rig.agent()
    again.idle()
    assert again.next_offsets == {0: 15}
    again.leave()


def batch_starts(log: bytes) -> dict[int, int]:
    """Return where in a segment file each batch starts, by its first offset."""
    starts, at = {}, 0
    while at < len(log):
        offset, length = struct.unpack_from(">qi", log, at)
        starts[offset] = at
        at += 12 + length
    return starts


def last_of_batch(log: bytes, first: int) -> int:
    """Return the last offset of the batch that starts with *first*."""
    (delta,) = struct.unpack_from(">i", log, batch_starts(log)[first] + 23)
    return first + int(delta)


def test_an_aborted_transaction_is_not_counted_and_an_open_one_is_waited_for(
    rig: ApacheRig,
) -> None:
    agent = rig.agent()
    producer = KafkaProducer(
        **rig.server.connection().producer_options(), transactional_id=rig.topic
    )
    producer.init_transactions()

    def transaction(n: int) -> None:
        producer.begin_transaction()
        for _ in range(n):
            producer.send(rig.topic, jpeg(), timestamp_ms=round(NOON.timestamp() * 1000))
        producer.flush()

    transaction(3)  # offsets 0 to 2, and 3 says that they hold
    producer.commit_transaction()
    transaction(4)  # offsets 4 to 7, and 8 says that they do not
    producer.abort_transaction()
    transaction(2)
    producer.commit_transaction()
    agent.read(5)
    assert agent.next_offsets == {0: 11}
    transaction(1)
    rig.send(1)
    agent.idle()
    assert agent.n_counted == 5
    producer.commit_transaction()
    agent.read(7)
    producer.close()
    agent.leave()


def test_what_ends_a_transaction_is_not_behind(rig: ApacheRig) -> None:
    """Each transaction leaves a marker, which nobody counts, at the end of its partition."""
    producer = KafkaProducer(
        **rig.server.connection().producer_options(), transactional_id=rig.topic
    )
    producer.init_transactions()
    earliest = ConsumerSettings(auto_offset_reset="earliest")
    source = KafkaSource(
        rig.server.connection(), topic=rig.topic, group_id=rig.topic, settings=earliest
    )
    ((partition, _),) = source.seek(dict.fromkeys(joined(source))).items()
    for end in (producer.commit_transaction, producer.abort_transaction):
        producer.begin_transaction()
        producer.send(rig.topic, b"x")
        producer.flush()
        end()
    producer.close()
    tick = threading.Event()
    until(lambda: source.ends(5)[partition] == 4, lambda: tick.wait(0.02), turns=3_000)
    assert [record.offset for record in read(source, 1)] == [0]
    until(lambda: source.ends(5)[partition] == 1, lambda: source.poll(0.05), turns=200)
    rig.send(1)
    assert source.ends(5)[partition] == 5
    source.close()


@pytest.mark.parametrize("reset", ["earliest", "latest"])
def test_a_partition_that_is_added_is_read_from_its_first_record(
    rig: ApacheRig, admin: KafkaAdminClient, reset: OffsetReset
) -> None:
    """It is found half a minute later; what came meanwhile counts, wherever reading began."""
    rig.send(5)
    agent = rig.agent(reset)
    until(lambda: 0 in agent.next_offsets, agent.loop.turn)
    admin.create_partitions({rig.topic: 3})
    rig.send(7, partition=2)
    assert agent.source._consumer is not None
    agent.source._consumer._client.cluster.request_update()
    agent.read(7 + (5 if reset == "earliest" else 0))
    assert agent.next_offsets == {0: 5, 1: 0, 2: 7}
    agent.leave()


def test_a_rebalance_that_takes_longer_than_polls_is_finished(
    rig: ApacheRig, admin: KafkaAdminClient
) -> None:
    """An added partition begins it; polls that wait for nothing leave it to the client's thread."""
    source = KafkaSource(rig.server.connection(), topic=rig.topic, group_id=rig.topic)
    joined(source)
    admin.create_partitions({rig.topic: 3})
    consumer, tick = source._consumer, threading.Event()
    assert consumer is not None
    coordinator = consumer._coordinator
    until(coordinator.need_rejoin, lambda: tick.wait(0.02), turns=3_000)
    source.poll(0)
    assert coordinator.rejoining
    until(lambda: not coordinator.need_rejoin(), lambda: tick.wait(0.02), turns=3_000)
    assert len(source.assignment()) == 1  # the group has agreed, and the client has not noticed

    def poll() -> None:
        source.poll(0)
        tick.wait(0.02)

    until(lambda: len(source.assignment()) == 3, poll, turns=3_000)
    source.close()


def test_a_partition_that_is_added_while_nobody_reads_is_read_from_its_first_record(
    rig: ApacheRig, admin: KafkaAdminClient
) -> None:
    """An agent that begins at the end is not there when it is added and filled."""
    rig.send(5)
    agent = rig.agent("latest")
    until(lambda: 0 in agent.next_offsets, agent.loop.turn)
    agent.leave()
    admin.create_partitions({rig.topic: 2})
    rig.send(7, partition=1)
    rig.send(2)
    agent = rig.agent("latest")
    agent.read(9)
    assert agent.next_offsets == {0: 7, 1: 7}
    agent.leave()


def test_a_session_that_the_broker_does_not_allow_is_said_to_be_refused(rig: ApacheRig) -> None:
    short = ConsumerSettings(session_timeout_seconds=0.5, heartbeat_interval_seconds=0.1)
    source = KafkaSource(
        rig.server.connection(), topic=rig.topic, group_id=rig.topic, settings=short
    )
    with pytest.raises(SourceBroken, match="InvalidSessionTimeoutError") as refused:
        until(bool, lambda: source.poll(0.05))
    assert "requested session timeout is outside of the allowed range" in str(refused.value.hint)
    source.close()


def test_pausing_amid_many_fetches_loses_and_doubles_nothing(rig: ApacheRig, topic: str) -> None:
    """A partition that is paused with half of what was fetched left must go on after it."""
    name, n = f"{topic}.wide", 2_000
    rig.server.create_topic(name, 3)
    with FrameProducer(rig.server.connection(), name) as producer:
        for number in range(3 * n):
            producer.send(b"%d" % number + bytes(500), partition=number % 3)
    small = ConsumerSettings(
        auto_offset_reset="earliest", fetch_max_bytes=50_000, max_message_bytes=20_000
    )
    source = KafkaSource(rig.server.connection(), topic=name, group_id=name, settings=small)
    source.seek(dict.fromkeys(joined(source)))
    found: dict[int, list[int]] = {0: [], 1: [], 2: []}

    def turn() -> None:
        for frame in source.poll(0.05).records:
            found[frame.partition].append(frame.offset)
        source.pause()
        assert not source.poll(0.001).records
        source.resume()

    until(lambda: sum(map(len, found.values())) >= 3 * n, turn)
    source.close()
    assert found == {number: list(range(n)) for number in range(3)}
