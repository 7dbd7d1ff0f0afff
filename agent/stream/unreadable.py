"""Records that are corrupt on the broker's disk: where they end, and what to say of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import OffsetOutOfRangeError

from ..errors import EventUnreadable, SourceBroken
from ..ports import Partition, Record
from .codec import codec_missing, is_of_the_bytes
from .connection import KafkaConnection
from .kafka_client import build_client

_TRIES = 2
_READ_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class UnreadableRange:
    """Offsets from *first* up to, and without, *end*."""

    partition: Partition
    first: int
    end: int
    reason: str

    def letter(self) -> tuple[Record, EventUnreadable]:
        """Return what goes to the dead letters: the coordinates and the reason, and no value."""
        topic, number = self.partition
        last = self.end - 1
        record = Record(topic, number, last, None, b"", (), timestamp_ms=-1)
        return record, EventUnreadable(
            f"offsets {self.first} to {last} of {topic}/{number} cannot be read, and are not "
            f"counted: {self.reason}"
        )


class Probe(Protocol):
    """Reads one offset at a time, apart from the group."""

    def failure(self, partition: Partition, offset: int) -> str | None:
        """Return why the record at *offset* cannot be read, None when it can or is not there."""

    def end(self, partition: Partition) -> int:
        """Return the offset that the next record will have."""

    def close(self) -> None:
        """Leave; safe to call twice."""


class UnreadableRanges:
    """What is known to be corrupt. The source's thread owns it.

    Bytes that were spoilt on the way are good when they are read again: only what fails twice for
    the source at one offset, and then each time for a probe, is called corrupt.
    """

    def __init__(self, open_probe: Callable[[], Probe]) -> None:
        self._open_probe = open_probe
        self._failed_at: Mapping[Partition, int] = {}
        self._known: list[UnreadableRange] = []

    def __bool__(self) -> bool:
        """Return whether any range is known."""
        return bool(self._known)

    def look(self, positions: Mapping[Partition, int]) -> list[UnreadableRange]:
        """Reading failed at one of *positions*; return what that adds to what is known.

        That is nothing where it failed at what is known: then stepping over does not help.

        Raises:
            SourceUnavailable: the broker does not answer.
        """
        again = [
            at for at in positions.items() if at in self._failed_at.items() and self.at(*at) is None
        ]
        self._failed_at = dict(positions)
        if not again:
            return []
        probe = self._open_probe()
        try:
            found = [_range(probe, partition, first) for partition, first in again]
        finally:
            probe.close()
        added = [one for one in found if one is not None]
        self._known += added
        return added

    def at(self, partition: Partition, offset: int) -> UnreadableRange | None:
        """Return the range that reading must step over at *offset*."""
        for known in self._known:
            if known.partition == partition and known.first <= offset < known.end:
                return known
        return None


def _range(probe: Probe, partition: Partition, first: int) -> UnreadableRange | None:
    reason = _failure(probe, partition, first)
    if reason is None:
        return None
    return UnreadableRange(partition, first, _end(probe, partition, first), reason)


def _failure(probe: Probe, partition: Partition, offset: int) -> str | None:
    reason = None
    for _ in range(_TRIES):
        reason = probe.failure(partition, offset)
        if reason is None:
            return None
    return reason


def _end(probe: Probe, partition: Partition, first: int) -> int:
    """Return where reading works again, by ever longer steps and then by halves.

    A corrupt batch's own length and count cannot be believed.
    """
    log_end = probe.end(partition)
    bad, good, step = first, log_end, 1
    while bad + step < log_end:
        if _failure(probe, partition, bad + step) is None:
            good = bad + step
            break
        bad, step = bad + step, 2 * step
    while good - bad > 1:
        middle = (bad + good) // 2
        if _failure(probe, partition, middle) is None:
            good = middle
        else:
            bad = middle
    return good


class KafkaProbe:
    """Reads single batches with consumers of no group.

    Raises:
        SourceUnavailable: the broker does not answer.
        SourceBroken: the fault is not one of the record's bytes.
    """

    def __init__(self, connection: KafkaConnection) -> None:
        self._connection = connection
        self._consumer: Any | None = None

    def failure(self, partition: Partition, offset: int) -> str | None:
        """Return why the record at *offset* cannot be read, None when it can or is not there."""
        consumer, tp = self._live(), TopicPartition(*partition)
        if offset >= self.end(partition):
            return None
        consumer.assign([tp])
        consumer.seek(tp, offset)
        try:
            for _ in range(round(_READ_SECONDS / 0.1)):
                if consumer.poll(timeout_ms=100) or consumer.position(tp) != offset:
                    return None
        except OffsetOutOfRangeError:
            return None
        except Exception as error:  # any: it parses bytes that may be anything
            self.close()  # it would fail for ever at these bytes
            return _reason(error, partition)
        return None

    def end(self, partition: Partition) -> int:
        """Return the offset that the next record will have."""
        tp = TopicPartition(*partition)
        return int(self._live().end_offsets([tp], timeout_ms=round(_READ_SECONDS * 1000))[tp])

    def close(self) -> None:
        """Leave; safe to call twice."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with contextlib.suppress(Exception):  # it may be broken; it holds nothing
                consumer.close(autocommit=False, timeout_ms=1000)

    def _live(self) -> Any:
        if self._consumer is None:
            options = self._connection.options() | {
                "group_id": None,
                "enable_auto_commit": False,
                "auto_offset_reset": "none",
                "max_partition_fetch_bytes": 1,  # the broker sends one batch all the same
                "metrics_enabled": False,
            }
            purpose = "look at a corrupt record"
            self._consumer = build_client(KafkaConsumer, self._connection, purpose, **options)
        return self._consumer


def _reason(error: Exception, partition: Partition) -> str | None:
    """Return why the bytes cannot be read; None when it is the broker's matter and may pass.

    Raises:
        SourceBroken: the fault is neither, so nothing may be stepped over.
    """
    if getattr(error, "retriable", False):
        return None
    if is_of_the_bytes(error):
        return f"{type(error).__name__}: {', '.join(map(str, error.args)) or error}"
    topic, number = partition
    where = f"{topic}/{number}"
    missing = codec_missing(error, where)
    raise missing or SourceBroken(f"{where} cannot be looked at: {error!r}") from error
