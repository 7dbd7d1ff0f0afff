"""Events from Kafka.

kafka-python's consumer is not thread safe: the loop's thread owns it. What is odd here answers what
was seen to go wrong with it:

- All assigned partitions pause and resume together, and one poll takes all that was fetched (bounded
  by bytes): a paused partition with half a batch left can stay stuck.
- A new consumer after an exception that is not retriable: the old one would spin for ever at the
  same bytes.
- The position is the database's business. The consumer's own is overwritten at every assignment and
  never begins anywhere by itself.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

from kafka import OffsetAndMetadata, TopicPartition
from kafka.errors import (
    BrokerResponseError,
    CorruptRecordError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)

from ..errors import SourceBroken, SourceUnavailable
from ..ports import Partition, Polled
from .connection import KafkaConnection
from .consumer import ConsumerSettings, connect_consumer, warn_without_checksum
from .record import to_record

log = logging.getLogger(__name__)

_REBUILDS = 3
_PAUSE_SECONDS = 0.2


class KafkaSource:
    """One topic, read as a member of a group. One thread owns it.

    Raises:
        SourceUnavailable: the broker does not answer, with the cause.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        topic: str,
        group_id: str,
        settings: ConsumerSettings | None = None,
    ) -> None:
        self._connection = connection
        self._topic = topic
        self._group_id = group_id
        self._settings = settings or ConsumerSettings()
        self._changed = threading.Event()
        self._is_paused = False
        self._rebuilds = 0
        warn_without_checksum()
        self._consumer: Any | None = self._connected()
        self._partitions_at_start = self._look_at_topic()

    def poll(self, timeout_seconds: float) -> Polled:
        """Return what has arrived, waiting at most *timeout_seconds*.

        Raises:
            SourceUnavailable: the broker does not answer a consumer built anew.
            SourceBroken: consumers built anew fail alike, or the database is ahead of the topic.
        """
        consumer = self._live()
        try:
            batches = consumer.poll(timeout_ms=round(timeout_seconds * 1000))
        except NoOffsetForPartitionError:  # a new partition, not sought yet
            self._changed.set()
            batches = {}
        except OffsetOutOfRangeError as error:
            self._skip_what_retention_took(error)
            batches = {}
        except Exception as error:  # any: the consumer parses bytes from outside in this thread
            batches = self._after(error)
        return self._polled(batches)

    def assignment(self) -> frozenset[Partition]:
        """Return the partitions that this agent owns now."""
        if self._consumer is None:
            return frozenset()
        return frozenset((tp.topic, tp.partition) for tp in self._consumer.assignment())

    def seek(self, offsets: Mapping[Partition, int | None]) -> dict[Partition, int]:
        """Continue each partition at its offset; None is ``auto_offset_reset``.

        None is the first record where a partition was added since this source began: it is found
        late, and its end would by then be past events that nobody has read. A partition that was taken away meanwhile is left out; the next poll tells.
        """
        resets = [partition for partition, offset in offsets.items() if offset is None]
        begun: dict[Partition, int] = {}
        for partition, offset in offsets.items():
            with contextlib.suppress(ValueError):  # no longer assigned
                self._seek_one(TopicPartition(*partition), offset)
                if offset is not None:
                    begun[partition] = offset
        for partition in resets:  # after all were sought: the client asks for all at once
            found = self._start(TopicPartition(*partition))
            if found is not None:
                begun[partition] = found
        return begun

    def ends(self, timeout_seconds: float) -> dict[Partition, int]:
        """Return the offset that the next record of each owned partition will have.

        Raises:
            SourceUnavailable: the broker did not say in time.
        """
        consumer = self._live()
        try:
            ends = consumer.end_offsets(
                list(consumer.assignment()), timeout_ms=round(timeout_seconds * 1000)
            )
        except KafkaError as error:
            raise SourceUnavailable(f"the broker does not tell the ends: {error}") from error
        return {(tp.topic, tp.partition): int(end) for tp, end in ends.items()}

    def pause(self) -> None:
        """Stop fetching from every assigned partition; polling keeps the membership."""
        self._is_paused = True
        self._apply_pause()

    def resume(self) -> None:
        """Fetch from every assigned partition again."""
        self._is_paused = False
        self._apply_pause()

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Tell the broker how far the database is, for lag tools only; never raises."""
        consumer = self._consumer
        if consumer is None:
            return
        owned = self.assignment()
        marks = {
            TopicPartition(*partition): OffsetAndMetadata(offset, "", -1)
            for partition, offset in offsets.items()
            if partition in owned  # the broker would believe us for others' partitions, too
        }
        if not marks:
            return
        try:
            consumer.commit_async(marks)
        except KafkaError as error:
            log.info("offsets not told to the broker, will tell at the next flush: %s", error)

    def close(self) -> None:
        """Leave the group; safe to call twice."""
        consumer, self._consumer = self._consumer, None
        if consumer is None:
            return
        try:
            consumer.close(autocommit=False, timeout_ms=self._call_timeout_ms)
        except Exception as error:  # any: leaving is a courtesy, and a broken consumer may refuse
            log.warning("the consumer did not close cleanly, leaving anyway: %s", error)

    @property
    def _call_timeout_ms(self) -> int:
        return round(self._settings.call_timeout_seconds * 1000)

    def _live(self) -> Any:
        if self._consumer is None:
            self._consumer = self._connected()
        return self._consumer

    def _connected(self) -> Any:
        return connect_consumer(
            self._connection,
            self._settings,
            topic=self._topic,
            group_id=self._group_id,
            changed=self._changed,
        )

    def _polled(self, batches: Mapping[Any, Iterable[Any]]) -> Polled:
        if self._changed.is_set():  # what came may be of partitions that the loop has not sought
            self._changed.clear()
            self._apply_pause()
            return Polled((), assignment_changed=True)
        records = [to_record(found) for batch in batches.values() for found in batch]
        if records:
            self._rebuilds = 0
        return Polled(records)

    def _seek_one(self, tp: Any, offset: int | None) -> None:
        consumer = self._live()
        if offset is not None:
            consumer.seek(tp, offset)
        elif self._settings.auto_offset_reset == "earliest" or self._is_added(tp):
            consumer.seek_to_beginning(tp)
        else:
            consumer.seek_to_end(tp)

    def _is_added(self, tp: Any) -> bool:
        return tp.partition not in self._partitions_at_start

    def _start(self, tp: Any) -> int | None:
        try:
            found = self._live().position(tp, timeout_ms=self._call_timeout_ms)
        except KafkaError as error:
            log.warning("the start of %s is not known yet, reading on: %s", tp, error)
            return None
        return None if found is None else int(found)

    def _apply_pause(self) -> None:
        if self._consumer is None:
            return
        apply = self._consumer.pause if self._is_paused else self._consumer.resume
        with contextlib.suppress(KeyError):  # a partition went meanwhile; the next poll tells
            apply(*self._consumer.assignment())

    def _after(self, error: Exception) -> dict[Any, Any]:
        if getattr(error, "retriable", False):
            log.warning("the broker answered with %s, polling again", error)
            time.sleep(_PAUSE_SECONDS)
            return {}
        self._rebuilds += 1
        if self._rebuilds > _REBUILDS:
            raise SourceBroken(
                f"{self._topic} cannot be read on: {self._rebuilds} consumers in turn failed with "
                f"{error!r} before they read a record",
                hint=_hint(error),
            ) from error
        log.error("the consumer failed with %r, reading on with a new one", error)
        self.close()
        self._changed.set()
        self._live()
        return {}

    def _skip_what_retention_took(self, error: Any) -> None:
        consumer = self._live()
        for tp, wanted in error.args[0].items():
            first = consumer.beginning_offsets([tp], timeout_ms=self._call_timeout_ms)[tp]
            if wanted > first:
                raise SourceBroken(
                    f"{tp.topic}/{tp.partition} has no offset {wanted}, where this stream is to "
                    f"continue, and begins at {first}: the topic was made anew or cut, or the "
                    "database belongs to another cluster",
                    hint="give the stream another name, or go back to its database",
                ) from error
            log.error(
                "%s/%s: offsets %s to %s were deleted by retention before they were counted; "
                "reading on from %s",
                *(tp.topic, tp.partition, wanted, first - 1, first),
            )
            consumer.seek(tp, first)

    def _look_at_topic(self) -> frozenset[int]:
        """Return the topic's partitions, none when it does not exist yet."""
        consumer = self._live()
        try:
            if self._topic in consumer.topics():
                return frozenset(consumer.partitions_for_topic(self._topic))
        except KafkaError as error:
            raise SourceUnavailable(f"the broker does not list its topics: {error}") from error
        log.warning("topic %s does not exist yet, waiting for it", self._topic)
        return frozenset()


def _hint(error: Exception) -> str:
    if isinstance(error, BrokerResponseError) and not isinstance(error, CorruptRecordError):
        return f"the broker refuses this agent: {error.description or error.message}"
    return (
        "the log has the partition and offset; the record there may be corrupt on the broker's disk"
    )
