"""What every event source promises, Kafka's and the one in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import pytest

from driftgauge.agent.demo.produce import FrameProducer
from driftgauge.agent.ports import EventSource, Partition, Record
from driftgauge.agent.stream.consumer import OffsetReset
from driftgauge.agent.stream.in_memory import MemorySource, MemoryTopic
from driftgauge.agent.stream.kafka import KafkaSource

from ..broker import BROKERS, Broker, consumer_settings, until


class Rig(Protocol):
    """A topic of two partitions that can be written and read."""

    def send(self, n: int, *, partition: int = 0) -> None: ...

    def source(self, reset: OffsetReset = "earliest") -> EventSource: ...


@dataclass
class MemoryRig:
    topic: MemoryTopic

    def send(self, n: int, *, partition: int = 0) -> None:
        for number in range(n):
            self.topic.append(str(number).encode(), headers={"camera": b"3"}, partition=partition)

    def source(self, reset: OffsetReset = "earliest") -> EventSource:
        return MemorySource(self.topic, auto_offset_reset=reset)


@dataclass
class KafkaRig:
    broker: Broker
    topic: str
    sources: list[KafkaSource]

    def send(self, n: int, *, partition: int = 0) -> None:
        with FrameProducer(self.broker.connection(), self.topic) as producer:
            for number in range(n):
                producer.send(str(number).encode(), headers={"camera": "3"}, partition=partition)

    def source(self, reset: OffsetReset = "earliest") -> EventSource:
        made = KafkaSource(
            self.broker.connection(),
            topic=self.topic,
            group_id=self.topic,
            settings=consumer_settings(self.broker, reset),
        )
        self.sources.append(made)
        return made


@pytest.fixture(params=["memory", *BROKERS])
def rig(request: pytest.FixtureRequest, topic: str) -> Iterator[Rig]:
    if request.param == "memory":
        yield MemoryRig(MemoryTopic(topic, partitions=2))
        return
    broker: Broker = request.getfixturevalue(request.param)
    broker.create_topic(topic, 2)
    kafka = KafkaRig(broker, topic, [])
    yield kafka
    for source in kafka.sources:
        source.close()


def joined(source: EventSource) -> frozenset[Partition]:
    """Poll until partitions are assigned, and return them."""
    changes: list[bool] = []
    until(
        lambda: any(changes) and bool(source.assignment()),
        lambda: changes.append(source.poll(0.05).assignment_changed),
    )
    return source.assignment()


def read(source: EventSource, n: int) -> list[Record]:
    records: list[Record] = []
    until(lambda: len(records) >= n, lambda: records.extend(source.poll(0.05).records))
    return records


def rest(source: EventSource, turns: int = 3) -> list[Record]:
    return [record for _ in range(turns) for record in source.poll(0.05).records]


@pytest.fixture
def offsets() -> Callable[[list[Record]], list[int]]:
    return lambda records: [record.offset for record in records]


def test_an_assignment_is_told_before_any_record(rig: Rig) -> None:
    rig.send(3)
    source = rig.source()
    partitions = joined(source)
    assert len(partitions) == 2
    assert rest(source) == []


def test_records_arrive_as_sent_and_in_order(rig: Rig) -> None:
    rig.send(120)
    source = rig.source()
    assert source.seek(dict.fromkeys(joined(source))) == dict.fromkeys(source.assignment(), 0)
    records = read(source, 120)
    assert [record.value for record in records] == [str(n).encode() for n in range(120)]
    assert [record.offset for record in records] == list(range(120))
    assert records[0].headers == (("camera", b"3"),)


def test_reading_goes_on_where_it_was_sought(rig: Rig) -> None:
    rig.send(10)
    source = rig.source()
    marks = {partition: 7 if partition[1] == 0 else 0 for partition in joined(source)}
    assert source.seek(marks) == marks
    assert [record.offset for record in read(source, 3)] == [7, 8, 9]
    assert source.seek(marks) == marks
    assert [record.offset for record in read(source, 3)] == [7, 8, 9]


def test_latest_begins_at_the_end_and_says_where(rig: Rig) -> None:
    rig.send(5)
    source = rig.source("latest")
    begun = source.seek(dict.fromkeys(joined(source)))
    assert {number: offset for (_, number), offset in begun.items()} == {0: 5, 1: 0}
    rig.send(2)
    assert [record.offset for record in read(source, 2)] == [5, 6]


def test_a_paused_source_gives_nothing_and_goes_on_without_loss(rig: Rig) -> None:
    rig.send(300)
    source = rig.source()
    source.seek(dict.fromkeys(joined(source)))
    records = read(source, 1)
    for _ in range(8):
        source.pause()
        assert rest(source, 2) == []
        source.resume()
        records += source.poll(0.05).records
    records += read(source, 300 - len(records)) if len(records) < 300 else []
    assert [record.offset for record in records] == list(range(300))


def test_a_partition_that_is_not_owned_is_neither_sought_nor_committed(rig: Rig) -> None:
    source = rig.source()
    ((name, _), *_) = joined(source)
    assert source.seek({(name, 99): 0}) == {}
    source.commit({(name, 99): 5})


def test_closing_twice_is_one_closing(rig: Rig) -> None:
    source = rig.source()
    joined(source)
    source.close()
    source.close()
    assert source.assignment() == frozenset()


def test_the_ends_are_where_the_next_records_will_be(rig: Rig) -> None:
    source = rig.source()
    partitions = joined(source)
    assert source.ends(2) == dict.fromkeys(partitions, 0)
    rig.send(3)
    rig.send(4, partition=1)
    assert {number: end for (_, number), end in source.ends(2).items()} == {0: 3, 1: 4}
