"""A topic and its dead letters in memory, with the same behaviour as Kafka's: for tests and trials.

A `MemoryTopic` keeps its records; any number of `MemorySource` read it, each as the only member of
its group. `MemorySource.reassign` does what a rebalance does.
"""

from __future__ import annotations

import uuid
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Literal

from ..errors import SourceUnavailable
from ..ports import Partition, Polled, Record
from .letter import reasons


class MemoryTopic:
    """Records by partition; offsets count from 0, and `skip` leaves a gap as transactions do."""

    def __init__(self, name: str, partitions: int = 1) -> None:
        self.name = name
        self.topic_id = str(uuid.uuid4())
        self._records: list[list[Record]] = [[] for _ in range(partitions)]
        self._ends = [0] * partitions

    @property
    def partitions(self) -> frozenset[Partition]:
        """Return every partition's name and number."""
        return frozenset((self.name, number) for number in range(len(self._ends)))

    def append(
        self,
        value: bytes | None,
        *,
        headers: Mapping[str, bytes] | None = None,
        partition: int = 0,
        key: bytes | None = None,
        timestamp_ms: int = -1,
    ) -> int:
        """Store one record and return its offset."""
        offset = self._ends[partition]
        self._records[partition].append(
            Record(
                topic=self.name,
                partition=partition,
                offset=offset,
                key=key,
                value=value,
                headers=tuple((headers or {}).items()),
                timestamp_ms=timestamp_ms,
            )
        )
        self._ends[partition] += 1
        return offset

    def skip(self, n_offsets: int, *, partition: int = 0) -> None:
        """Leave a gap of *n_offsets* that no record has."""
        self._ends[partition] += n_offsets

    def end(self, partition: int) -> int:
        """Return the offset that the next record will have."""
        return self._ends[partition]

    def read(self, partition: int, offset: int, n: int) -> list[Record]:
        """Return at most *n* records from *offset* on."""
        records = self._records[partition]
        first = bisect_left(records, offset, key=lambda record: record.offset)
        return records[first : first + n]


class MemorySource:
    """Reads a `MemoryTopic`.

    Args:
        max_records: returned by one poll, of each partition.
        assigned: the partitions to begin with; None is all.
    """

    def __init__(
        self,
        topic: MemoryTopic,
        *,
        auto_offset_reset: Literal["latest", "earliest"] = "earliest",
        max_records: int = 50,
        assigned: frozenset[Partition] | None = None,
    ) -> None:
        self._topic = topic
        self._auto_offset_reset = auto_offset_reset
        self._max_records = max_records
        self._assigned = topic.partitions if assigned is None else assigned
        self._positions: dict[Partition, int] = {}
        self._has_changed = True
        self._is_paused = False
        self.is_closed = False
        self.committed: dict[Partition, int] = {}

    def reassign(self, partitions: frozenset[Partition]) -> None:
        """Own exactly *partitions* from the next poll on."""
        self._assigned = partitions
        self._positions = {at: offset for at, offset in self._positions.items() if at in partitions}
        self._has_changed = True

    def topic_id(self) -> str | None:
        """Return the topic's id, which it keeps for good."""
        return self._topic.topic_id

    def is_same_topic(self, timeout_seconds: float) -> bool:
        """Return True: the topic is never made anew."""
        return True

    def poll(self, timeout_seconds: float) -> Polled:
        """Return what has arrived; never waits."""
        if self._has_changed:
            self._has_changed = False
            return Polled((), assignment_changed=True)
        if self._is_paused:
            return Polled(())
        return Polled([record for at in sorted(self._positions) for record in self._take(at)])

    def assignment(self) -> frozenset[Partition]:
        """Return the partitions owned now."""
        return self._assigned

    def seek(self, offsets: Mapping[Partition, int | None]) -> dict[Partition, int]:
        """Continue each partition at its offset; None is ``auto_offset_reset``."""
        begun = {
            at: self._start(at) if offset is None else offset
            for at, offset in offsets.items()
            if at in self._assigned
        }
        self._positions.update(begun)
        return begun

    def ends(self, timeout_seconds: float) -> dict[Partition, int]:
        """Return the offset that the next record of each owned partition will have."""
        return {at: self._topic.end(at[1]) for at in self._assigned}

    def pause(self) -> None:
        """Return nothing until `resume`."""
        self._is_paused = True

    def resume(self) -> None:
        """Return records again."""
        self._is_paused = False

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Remember *offsets* in ``committed``, of owned partitions only."""
        self.committed |= {at: mark for at, mark in offsets.items() if at in self._assigned}

    def close(self) -> None:
        """Own nothing any more."""
        self._assigned = frozenset()
        self._positions = {}
        self.is_closed = True

    def _start(self, partition: Partition) -> int:
        return 0 if self._auto_offset_reset == "earliest" else self._topic.end(partition[1])

    def _take(self, partition: Partition) -> list[Record]:
        records = self._topic.read(partition[1], self._positions[partition], self._max_records)
        if records:
            self._positions[partition] = records[-1].offset + 1
        return records


class MemoryDeadLetters:
    """Keeps letters in ``stored`` once they are flushed; `fail_next` makes flushes fail first."""

    def __init__(self) -> None:
        self._queued: list[Record] = []
        self._failures = 0
        self.stored: list[Record] = []
        self.is_closed = False

    def fail_next(self, n_flushes: int) -> None:
        """Let the next *n_flushes* flushes raise SourceUnavailable."""
        self._failures = n_flushes

    def send(self, record: Record, *, error: str, message: str) -> None:
        """Queue *record* with the reason in added headers."""
        self._queued.append(_with_reasons(record, reasons(record, error=error, message=message)))

    def flush(self, timeout_seconds: float) -> None:
        """Move what is queued to ``stored``."""
        if self._queued and self._failures:
            self._failures -= 1
            raise SourceUnavailable(
                f"{len(self._queued)} dead letters are not stored: told to fail"
            )
        self.stored += self._queued
        self._queued = []

    def close(self) -> None:
        """Flush and leave; safe to call twice."""
        if not self.is_closed:
            self.is_closed = True
            self.flush(0)


def _with_reasons(record: Record, added: Sequence[tuple[str, bytes]]) -> Record:
    return Record(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        headers=(*record.headers, *added),
        timestamp_ms=record.timestamp_ms,
    )
