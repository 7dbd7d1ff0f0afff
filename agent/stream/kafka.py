"""Events from Kafka.

kafka-python's consumer is not thread safe: the loop's thread owns it. What is odd here answers what
was seen to go wrong with it:

- All assigned partitions pause and resume together, and one poll takes all that was fetched (bounded
  by bytes): a paused partition with half a batch left can stay stuck.
- A new consumer after an exception that is not retriable: the old one would spin for ever at the
  same bytes. What fails again at the same offset is looked at apart, and stepped over when it is
  corrupt (`unreadable.py`).
- The position is the database's business. The consumer's own is overwritten at every assignment and
  never begins anywhere by itself.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kafka import TopicPartition
from kafka.errors import (
    BrokerResponseError,
    CorruptRecordError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)

from ..errors import EventUnreadable, SourceBroken, SourceUnavailable
from ..log import action
from ..ports import Partition, Polled, Record
from .codec import codec_missing, is_of_the_bytes
from .connection import KafkaConnection
from .consumer import ConsumerSettings, connect_consumer, warn_without_checksum
from .offsets import count_partitions, ends_of, positions, start_of, tell_offsets
from .record import to_record
from .retention import skip_what_retention_took
from .unreadable import KafkaProbe, UnreadableRanges

log = logging.getLogger(__name__)

_REBUILDS = 3
_PAUSE_SECONDS = 0.2


class KafkaSource:
    """One topic, read as a member of a group. One thread owns it.

    Args:
        first_partitions: told how many partitions the topic has now, returns how many it had when
            anybody first read it; None is now.

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
        first_partitions: Callable[[int], int] | None = None,
    ) -> None:
        self._connection = connection
        self._topic = topic
        self._group_id = group_id
        self._settings = settings or ConsumerSettings()
        self._changed = threading.Event()
        self._is_paused = False
        self._rebuilds = 0
        self._n_now = 0
        self._delivered: dict[Partition, int] = {}
        self._unreadable = UnreadableRanges(lambda: KafkaProbe(connection))
        warn_without_checksum()
        self._consumer: Any | None = self._connected()
        self._n_first = first_partitions(self._n_now) if first_partitions else self._n_now

    def poll(self, timeout_seconds: float) -> Polled:
        """Return what has arrived, waiting at most *timeout_seconds*.

        Raises:
            SourceUnavailable: the broker does not answer a consumer built anew.
            SourceBroken: consumers built anew fail alike, or the database is ahead of the topic.
        """
        consumer = self._live()
        stepped_over = self._step_over(consumer) if self._unreadable else []
        try:
            batches = consumer.poll(timeout_ms=round(timeout_seconds * 1000))
        except NoOffsetForPartitionError:  # a new partition, not sought yet
            self._changed.set()
            batches = {}
        except OffsetOutOfRangeError as error:
            skip_what_retention_took(consumer, error, timeout_ms=self._call_timeout_ms)
            batches = {}
        except Exception as error:  # any: the consumer parses bytes from outside in this thread
            batches = self._after(error)
        return self._polled(batches, stepped_over)

    def assignment(self) -> frozenset[Partition]:
        """Return the partitions that this agent owns now."""
        if self._consumer is None:
            return frozenset()
        return frozenset((tp.topic, tp.partition) for tp in self._consumer.assignment())

    def seek(self, offsets: Mapping[Partition, int | None]) -> dict[Partition, int]:
        """Continue each partition at its offset; None is ``auto_offset_reset``.

        None is the first record of a partition that was added since the topic was first read: it is
        found late, and its end would by then be past events that nobody has read. A partition that
        was taken away meanwhile is left out; the next poll tells.
        """
        resets = [partition for partition, offset in offsets.items() if offset is None]
        begun: dict[Partition, int] = {}
        for partition, offset in offsets.items():
            with contextlib.suppress(ValueError):  # no longer assigned
                self._seek_one(TopicPartition(*partition), offset)
                if offset is not None:
                    begun[partition] = offset
        for partition in resets:  # after all were sought: the client asks for all at once
            found = start_of(self._live(), partition, self._call_timeout_ms)
            if found is not None:
                begun[partition] = found
        self._delivered = dict(begun)
        return begun

    def ends(self, timeout_seconds: float) -> dict[Partition, int]:
        """Return where each owned partition ends, as far as there are records.

        What ends a transaction takes an offset, too, and may be the last there is: so a partition
        that is read to its end ends where the last record did.

        Raises:
            SourceUnavailable: the broker did not say in time.
        """
        consumer = self._live()
        ends = ends_of(consumer, round(timeout_seconds * 1000))
        read = {at for at, place in positions(consumer).items() if place >= ends.get(at, place + 1)}
        return {
            at: min(end, self._delivered.get(at, end)) if at in read else end
            for at, end in ends.items()
        }

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
        if self._consumer is not None:
            tell_offsets(self._consumer, offsets)

    def close(self) -> None:
        """Leave the group; safe to call twice."""
        consumer, self._consumer = self._consumer, None
        if consumer is None:
            return
        try:
            consumer.close(autocommit=False, timeout_ms=self._call_timeout_ms)
        except Exception as error:  # any: leaving is a courtesy, and a broken consumer may refuse
            log.warning(
                "the consumer did not close cleanly, leaving anyway: %s",
                error,
                extra=action("consumer_not_closed"),
            )

    @property
    def _call_timeout_ms(self) -> int:
        return round(self._settings.call_timeout_seconds * 1000)

    def _live(self) -> Any:
        if self._consumer is None:
            self._consumer = self._connected()
        return self._consumer

    def _connected(self) -> Any:
        consumer = connect_consumer(
            self._connection,
            self._settings,
            topic=self._topic,
            group_id=self._group_id,
            changed=self._changed,
        )
        try:
            self._n_now = count_partitions(consumer, self._topic)
        except SourceUnavailable:
            consumer.close(autocommit=False, timeout_ms=self._call_timeout_ms)
            raise
        return consumer

    def _polled(
        self,
        batches: Mapping[Any, Iterable[Any]],
        unreadable: list[tuple[Record, EventUnreadable]],
    ) -> Polled:
        if self._changed.is_set():  # what came may be of partitions that the loop has not sought
            self._changed.clear()
            self._apply_pause()
            return Polled((), assignment_changed=True)
        records = [to_record(found) for batch in batches.values() for found in batch]
        if records:
            self._rebuilds = 0
        self._delivered |= {(one.topic, one.partition): one.offset + 1 for one in records}
        return Polled(records, unreadable=unreadable)

    def _step_over(self, consumer: Any) -> list[tuple[Record, EventUnreadable]]:
        letters = []
        for partition, offset in positions(consumer).items():
            found = self._unreadable.at(partition, offset)
            if found is not None:
                consumer.seek(TopicPartition(*partition), found.end)
                letters.append(found.letter())
        return letters

    def _seek_one(self, tp: Any, offset: int | None) -> None:
        consumer = self._live()
        if offset is not None:
            consumer.seek(tp, offset)
        elif self._settings.auto_offset_reset == "earliest" or self._is_added(tp):
            consumer.seek_to_beginning(tp)
        else:
            consumer.seek_to_end(tp)

    def _is_added(self, tp: Any) -> bool:
        return int(tp.partition) >= self._n_first

    def _apply_pause(self) -> None:
        if self._consumer is None:
            return
        apply = self._consumer.pause if self._is_paused else self._consumer.resume
        with contextlib.suppress(KeyError):  # a partition went meanwhile; the next poll tells
            apply(*self._consumer.assignment())

    def _after(self, error: Exception) -> dict[Any, Any]:
        if getattr(error, "retriable", False):
            log.warning(
                "the broker answered with %s, polling again", error, extra=action("broker_error")
            )
            time.sleep(_PAUSE_SECONDS)
            return {}
        missing = codec_missing(error, f"topic {self._topic}")
        if missing is not None:  # our own fault: a new consumer would meet it again
            raise missing from error
        self._rebuilds += 1
        failed_at = positions(self._consumer) if is_of_the_bytes(error) else {}
        self.close()
        if self._learn(failed_at, error):
            self._rebuilds = 0
        if self._rebuilds > _REBUILDS:
            raise SourceBroken(
                f"{self._topic} cannot be read on: {self._rebuilds} consumers in turn failed with "
                f"{error!r} before they read a record",
                hint=_hint(error),
            ) from error
        log.error(
            "the consumer failed with %r, reading on with a new one",
            error,
            extra=action("consumer_failed"),
        )
        self._changed.set()
        self._live()
        return {}

    def _learn(self, failed_at: Mapping[Partition, int], error: Exception) -> bool:
        """Return whether the failure was one of corrupt records that can now be stepped over."""
        found = self._unreadable.look(failed_at)
        for one in found:
            log.error(
                "%s; reading on at offset %s",
                one.letter()[1],
                one.end,
                exc_info=error,
                extra=action("records_unreadable", offset=one.end),
            )
        return bool(found)


def _hint(error: Exception) -> str:
    if isinstance(error, BrokerResponseError) and not isinstance(error, CorruptRecordError):
        return f"the broker refuses this agent: {error.description or error.message}"
    return (
        "the log has the partition and offset; the record there may be corrupt on the broker's disk"
    )
