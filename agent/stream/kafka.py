"""Events from Kafka.

kafka-python's consumer is not thread safe: the loop's thread owns it. What is odd here answers what
was seen to go wrong with it:

- One poll is bounded by bytes (`poll_bound.py`), whatever a compressed fetch holds. All assigned
  partitions pause and resume together.
- A new consumer after an exception that is not retriable: the old one would spin for ever at the
  same bytes. What fails again at the same offset is looked at apart, and stepped over when it is
  corrupt (`unreadable.py`).
- The position is the database's business. The consumer's own is overwritten at every assignment and
  never begins anywhere by itself.
"""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kafka import TopicPartition
from kafka.errors import (
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)

from ..errors import AgentError, EventUnreadable, SourceUnavailable, TopicMissing
from ..log import action
from ..ports import Partition, Polled, Record
from .connection import KafkaConnection
from .consumer import (
    ConsumerSettings,
    connect_consumer,
    finish_rebalance,
    warn_without_checksum,
)
from .failures import ConsumerFailures
from .first_start import seek_starts
from .group_owner import GroupOwner, refuse_other_owner
from .offsets import ends_of, positions, tell_offsets
from .record import to_record
from .retention import skip_what_retention_took
from .unreadable import KafkaProbe, UnreadableRanges
from .watched_topic import WatchedTopic

log = logging.getLogger(__name__)

_PAUSE_SECONDS = 0.2
_OWNER_SECONDS = 60.0


class KafkaSource:
    """One topic, read as a member of a group. One thread owns it.

    Args:
        first_partitions: told how many partitions the topic has now, returns how many it had when
            anybody first read it; None is now.
        owner: for whom the group reads; None reads without saying so.

    Raises:
        SourceUnavailable: the broker does not answer, with the cause.
        TopicMissing: the topic does not exist; reading does not make it.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        topic: str,
        group_id: str,
        settings: ConsumerSettings | None = None,
        first_partitions: Callable[[int], int] | None = None,
        owner: GroupOwner | None = None,
    ) -> None:
        self._connection = connection
        self._topic = topic
        self._group_id = group_id
        self._settings = settings or ConsumerSettings()
        self._changed = threading.Event()
        self._is_paused = False
        self._delivered: dict[Partition, int] = {}
        self._unreadable = UnreadableRanges(lambda: KafkaProbe(connection))
        self._failures = ConsumerFailures(topic, self._unreadable)
        warn_without_checksum()
        self._consumer: Any | None = None
        self._watched = WatchedTopic(topic, connection)
        self._consumer = self._connected()
        self._first_partitions = first_partitions or (lambda n_now: n_now)
        self._n_first: int | None = None
        self._owner = owner
        self._owner_asked_at = -math.inf
        self._watched.tell_without_id()

    def poll(self, timeout_seconds: float) -> Polled:
        """Return what has arrived, waiting at most *timeout_seconds*.

        A topic that was recreated is reported as a changed assignment, until it is sought.

        Raises:
            SourceUnavailable: the broker does not answer a consumer built anew, or the topic is gone.
            GroupTaken: another database or stream counts what the group reads; asked once a minute.
            SourceBroken: consumers built anew fail alike, or the database is ahead of the topic.
        """
        consumer = self._live()
        if self._watched.was_recreated(consumer):
            return Polled((), assignment_changed=True)
        if time.monotonic() - self._owner_asked_at > _OWNER_SECONDS:
            self._refuse_other_owner()
        stepped_over = self._step_over(consumer) if self._unreadable else []
        finish_rebalance(consumer)
        try:
            batches = consumer.poll(timeout_ms=round(timeout_seconds * 1000))
        except NoOffsetForPartitionError:  # a new partition, not sought yet
            self._changed.set()
            batches = {}
        except OffsetOutOfRangeError as error:
            self._watched.look_up(consumer)
            if self._watched.was_recreated(consumer):
                return Polled((), assignment_changed=True)
            skip_what_retention_took(consumer, error, timeout_ms=self._call_timeout_ms)
            batches = {}
        except Exception as error:  # any: the consumer parses bytes from outside in this thread
            batches = self._after(error)
        return self._polled(batches, stepped_over)

    def topic_id(self) -> str | None:
        """Return the broker's id of the topic that is read, None where it tells none."""
        return self._watched.topic_id

    def is_same_topic(self, timeout_seconds: float) -> bool:
        """Ask the broker whether what was read since `seek` is of the topic that was sought."""
        consumer = self._live()
        return self._watched.is_the_same(consumer, round(timeout_seconds * 1000))

    def assignment(self) -> frozenset[Partition]:
        """Return the partitions that this agent owns now."""
        if self._consumer is None:
            return frozenset()
        return frozenset((tp.topic, tp.partition) for tp in self._consumer.assignment())

    def seek(self, offsets: Mapping[Partition, int | None]) -> dict[Partition, int]:
        """Continue each partition at its offset; None is ``auto_offset_reset``.

        None is the first record of a partition that was added since the topic was first read. A
        partition that was taken away meanwhile is left out; the next poll tells.

        Raises:
            GroupTaken: another database or stream counts what the group reads.
        """
        consumer = self._live()
        self._refuse_other_owner()
        begun: dict[Partition, int] = {}
        for partition, offset in offsets.items():
            if offset is not None:
                with contextlib.suppress(ValueError):  # no longer assigned
                    consumer.seek(TopicPartition(*partition), offset)
                    begun[partition] = offset
        unknown = [partition for partition, offset in offsets.items() if offset is None]
        if unknown:
            begun |= self._seek_starts(consumer, unknown)
        self._delivered = dict(begun)
        self._watched.mark_sought()
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
            tell_offsets(self._consumer, offsets, self._owner.mark if self._owner else "")

    def close(self) -> None:
        """Leave the group; safe to call twice."""
        consumer, self._consumer = self._consumer, None
        if consumer is None:
            return
        try:
            consumer.close(autocommit=False, timeout_ms=self._call_timeout_ms)
        except Exception as error:  # any: leaving is a courtesy, and a broken consumer may refuse
            log.warning(
                "the consumer did not close cleanly; shutting down anyway: %s",
                error,
                extra=action("consumer_not_closed"),
            )

    @property
    def _call_timeout_ms(self) -> int:
        return round(self._settings.call_timeout_seconds * 1000)

    def _refuse_other_owner(self) -> None:
        if self._owner is not None:
            self._owner_asked_at = time.monotonic()
            refuse_other_owner(
                self._consumer,
                self._topic,
                self._group_id,
                self._owner,
                timeout_ms=self._call_timeout_ms,
            )

    def _seek_starts(self, consumer: Any, partitions: list[Partition]) -> dict[Partition, int]:
        if self._n_first is None:
            self._n_first = self._first_partitions(self._watched.n_partitions)
        return seek_starts(
            consumer,
            partitions,
            reset=self._settings.auto_offset_reset,
            n_first=self._n_first,
            timeout_ms=self._call_timeout_ms,
        )

    def _live(self) -> Any:
        if self._consumer is None:
            try:
                self._consumer = self._connected()
            except TopicMissing as error:  # it was there: it may come back
                raise SourceUnavailable(f"{error}; it was there before") from error
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
            self._watched.look_up(consumer)
        except AgentError:
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
            self._failures.forget()
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

    def _apply_pause(self) -> None:
        if self._consumer is None:
            return
        apply = self._consumer.pause if self._is_paused else self._consumer.resume
        with contextlib.suppress(KeyError):  # a partition went meanwhile; the next poll tells
            apply(*self._consumer.assignment())

    def _after(self, error: Exception) -> dict[Any, Any]:
        if getattr(error, "retriable", False):
            log.warning(
                "the broker answered with %s; polling again", error, extra=action("broker_error")
            )
            time.sleep(_PAUSE_SECONDS)
            return {}
        failed_at = positions(self._consumer)
        self.close()
        self._failures.take(error, failed_at)
        self._changed.set()
        self._live()
        return {}
