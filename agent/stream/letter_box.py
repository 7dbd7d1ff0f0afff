"""Reads a dead-letter topic from its first record to the end that it has now; belongs to no group."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from ..errors import SourceUnavailable
from ..ports import Record
from .connection import KafkaConnection
from .kafka_client import build_client, explaining
from .record import to_record

_CALL_MS = 10_000
_POLL_MS = 500
_SILENT_POLLS = 60
_FETCH_BYTES = 32 * 1024 * 1024


class LetterBox:
    """One dead-letter topic.

    Attributes:
        n_records: at most so many lie between its first record and its end.
    """

    def __init__(self, consumer: Any, topic: str, partitions: list[Any]) -> None:
        self._consumer = consumer
        self._topic = topic
        self._ends = consumer.end_offsets(partitions, timeout_ms=_CALL_MS) if partitions else {}
        begins = consumer.beginning_offsets(partitions, timeout_ms=_CALL_MS) if partitions else {}
        self.n_records = sum(end - begins[tp] for tp, end in self._ends.items())

    def records(self) -> Iterator[Record]:
        """Yield every record, from the first again at each call.

        Raises:
            SourceUnavailable: the broker brings nothing for half a minute.
        """
        open_ones = {tp for tp, end in self._ends.items() if end}
        if not open_ones:
            return
        self._consumer.assign(list(open_ones))
        self._consumer.seek_to_beginning(*open_ones)
        n_silent = 0
        while open_ones:
            batches = self._consumer.poll(timeout_ms=_POLL_MS)
            n_silent = 0 if batches else n_silent + 1
            for tp, found in batches.items():
                yield from (to_record(one) for one in found if one.offset < self._ends[tp])
            open_ones = {tp for tp in open_ones if self._position(tp) < self._ends[tp]}
            if n_silent > _SILENT_POLLS:
                raise SourceUnavailable(
                    f"{self._topic} returned no more records before its end offset"
                )

    def _position(self, tp: Any) -> int:
        return int(self._consumer.position(tp, timeout_ms=_CALL_MS) or 0)


@contextmanager
def open_letter_box(connection: KafkaConnection, topic: str) -> Iterator[LetterBox]:
    """Open *topic*; one that does not exist is empty.

    Raises:
        SourceUnavailable: the broker does not answer.
        SourceBroken: the package of the topic's compression is not installed.
    """
    purpose = f"read {topic}"
    consumer = build_client(
        KafkaConsumer,
        connection,
        purpose,
        **connection.options(),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        allow_auto_create_topics=False,
        max_partition_fetch_bytes=_FETCH_BYTES,
        fetch_max_bytes=_FETCH_BYTES,
        metrics_enabled=False,
    )
    try:
        with explaining(connection, purpose, client=consumer):
            known = topic in consumer.topics()
            numbers = sorted(consumer.partitions_for_topic(topic) or ()) if known else []
            yield LetterBox(consumer, topic, [TopicPartition(topic, one) for one in numbers])
    finally:
        consumer.close(autocommit=False, timeout_ms=_CALL_MS)
