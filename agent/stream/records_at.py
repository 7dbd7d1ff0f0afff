"""Reads single records by their place, in no group."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from kafka import TopicPartition

from ..ports import Record
from .cluster_view import groupless_reader
from .connection import KafkaConnection
from .record import to_record

_CALL_MS = 10_000
_POLL_MS = 500
_POLLS = 20

Place = tuple[str, int, int]
"""Topic, partition, offset."""


def records_at(connection: KafkaConnection, places: Iterable[Place]) -> Iterator[Record]:
    """Yield the records at *places* that the broker still has, ordered by place.

    Raises:
        SourceUnavailable: the broker does not answer.
    """
    by_partition: defaultdict[TopicPartition, set[int]] = defaultdict(set)
    for topic, partition, offset in places:
        by_partition[TopicPartition(topic, partition)].add(offset)
    with groupless_reader(connection, "read messages by their offsets") as consumer:
        for tp, offsets in sorted(by_partition.items()):
            if tp.partition in (consumer.partitions_for_topic(tp.topic) or ()):
                yield from _of_partition(consumer, tp, offsets)


def _of_partition(consumer: Any, tp: TopicPartition, offsets: Iterable[int]) -> Iterator[Record]:
    consumer.assign([tp])
    first = consumer.beginning_offsets([tp], timeout_ms=_CALL_MS)[tp]
    end = consumer.end_offsets([tp], timeout_ms=_CALL_MS)[tp]
    for offset in sorted(offset for offset in offsets if first <= offset < end):
        consumer.seek(tp, offset)
        found = _next(consumer)
        if found is not None and found.offset == offset:  # else compaction took it
            yield found


def _next(consumer: Any) -> Record | None:
    for _ in range(_POLLS):
        for batch in consumer.poll(timeout_ms=_POLL_MS, max_records=1).values():
            for record in batch:
                return to_record(record)
    return None
