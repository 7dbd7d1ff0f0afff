"""What a source does when its consumer fails; the embedded broker cannot be made to fail so."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import TopicPartition  # noqa: TID251 - the scripted consumer speaks the client's words
from kafka.errors import (  # noqa: TID251
    CorruptRecordError,
    KafkaConnectionError,
    OffsetOutOfRangeError,
)

from driftgauge.agent.errors import SourceBroken
from driftgauge.agent.ports import Partition
from driftgauge.agent.stream import kafka
from driftgauge.agent.stream.connection import KafkaConnection
from driftgauge.agent.stream.kafka import KafkaSource

ZERO = TopicPartition("frames", 0)


class Cluster:
    """What the client knows of the broker: the topic is there and has no id."""

    def partitions_for_topic(self, topic: str) -> set[int]:
        return {0}

    def topic_id(self, topic: str) -> None:
        return None

    def brokers(self) -> list[object]:
        return []


class Network:
    cluster = Cluster()


class Scripted:
    """A consumer that raises what it is told, one failure a poll."""

    _client = Network()
    _coordinator = SimpleNamespace(rejoining=False)

    def __init__(self, failures: Iterator[Exception], first: int = 0) -> None:
        self._failures = failures
        self._first = first
        self.sought: dict[TopicPartition, int] = {}
        self.is_closed = False

    def poll(self, timeout_ms: int) -> dict[Any, Any]:
        for failure in self._failures:
            raise failure
        return {}

    def position(self, partition: TopicPartition, timeout_ms: int) -> int:
        return self.sought.get(partition, 7)

    def topics(self) -> set[str]:
        return {"frames"}

    def partitions_for_topic(self, topic: str) -> set[int]:
        return {0}

    def assignment(self) -> set[TopicPartition]:
        return {ZERO}

    def resume(self, *partitions: TopicPartition) -> None: ...

    def beginning_offsets(self, partitions: object, timeout_ms: int) -> dict[TopicPartition, int]:
        return {ZERO: self._first}

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.sought[partition] = offset

    def close(self, *, autocommit: bool, timeout_ms: int) -> None:
        self.is_closed = True


def source_of(
    monkeypatch: pytest.MonkeyPatch, *failures: Exception, first: int = 0
) -> tuple[KafkaSource, list[Scripted]]:
    script, built = iter(failures), []

    def connect(*_: object, **__: object) -> Scripted:
        built.append(Scripted(script, first))
        return built[-1]

    monkeypatch.setattr(kafka, "connect_consumer", connect)
    connection = KafkaConnection(bootstrap_servers=("nowhere:1",))
    return KafkaSource(connection, topic="frames", group_id="g"), built


def test_a_retriable_failure_is_polled_over(monkeypatch: pytest.MonkeyPatch) -> None:
    source, built = source_of(monkeypatch, KafkaConnectionError("gone for a moment"))
    assert not source.poll(0).assignment_changed
    assert len(built) == 1


def test_after_any_other_failure_a_new_consumer_reads_on(monkeypatch: pytest.MonkeyPatch) -> None:
    source, built = source_of(monkeypatch, CorruptRecordError("offset 7 failed crc check"))
    assert source.poll(0).assignment_changed
    assert [consumer.is_closed for consumer in built] == [True, False]


class Probe:
    """Finds what it is told; says what it was asked."""

    def __init__(self, corrupt: range = range(0)) -> None:
        self.corrupt = corrupt
        self.asked: list[int] = []
        self.is_closed = False

    def failure(self, partition: Partition, offset: int) -> str | None:
        self.asked.append(offset)
        return "crc check" if offset in self.corrupt else None

    def end(self, partition: Partition) -> int:
        return 1_000

    def close(self) -> None:
        self.is_closed = True


def test_consumers_that_fail_alike_end_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """They fail, and yet a probe can read the record: it is not the record's fault."""
    source, _ = source_of(monkeypatch, *[CorruptRecordError("failed crc check")] * 4)
    monkeypatch.setattr(kafka, "KafkaProbe", lambda _: Probe())
    for _ in range(3):
        source.poll(0)
    with pytest.raises(SourceBroken, match=r"4 consumers in a row failed with .*crc check"):
        source.poll(0)


def test_what_fails_once_is_read_again_and_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    probe = Probe(range(7, 20))
    source, _ = source_of(monkeypatch, CorruptRecordError("spoilt on the way"))
    monkeypatch.setattr(kafka, "KafkaProbe", lambda _: probe)
    source.poll(0)
    assert source.poll(0).unreadable == []
    assert probe.asked == []


@pytest.mark.parametrize("end", [8, 9, 20, 500, 1_000])
def test_a_corrupt_stretch_is_stepped_over_with_a_letter(
    monkeypatch: pytest.MonkeyPatch, end: int
) -> None:
    probe = Probe(range(7, end))
    source, built = source_of(monkeypatch, *[CorruptRecordError("failed crc check")] * 2)
    monkeypatch.setattr(kafka, "KafkaProbe", lambda _: probe)
    source.poll(0)
    assert source.poll(0).assignment_changed
    assert probe.is_closed
    assert len(probe.asked) < 60
    ((record, error),) = source.poll(0).unreadable
    assert built[-1].sought == {ZERO: end}
    assert (record.partition, record.offset, record.value) == (0, end - 1, b"")
    assert f"offsets 7 to {end - 1} of frames/0 cannot be read" in str(error)
    assert source.poll(0).unreadable == []


def test_a_stretch_that_is_known_and_fails_again_ends_the_reading(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Stepping over it did not help: one consumer after the other would fail there for ever."""
    source, _ = source_of(monkeypatch, *[CorruptRecordError("failed crc check")] * 9)
    monkeypatch.setattr(kafka, "KafkaProbe", lambda _: Probe(range(7, 20)))
    monkeypatch.setattr(Scripted, "position", lambda *_, **__: 7)
    for _ in range(5):
        assert source.poll(0).assignment_changed
    with pytest.raises(SourceBroken, match=r"4 consumers in a row failed"):
        source.poll(0)


def test_what_retention_deleted_is_skipped_loudly(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    source, built = source_of(monkeypatch, OffsetOutOfRangeError({ZERO: 5}), first=9)
    assert source.poll(0).records == []
    assert built[0].sought == {ZERO: 9}
    assert "4 offsets, 5 to 8, were deleted by retention" in caplog.text


def test_a_topic_that_was_made_anew_is_not_read_as_the_old_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source, _ = source_of(monkeypatch, OffsetOutOfRangeError({ZERO: 500}))
    with pytest.raises(SourceBroken, match=r"has no offset 500.*begins at 0"):
        source.poll(0)
