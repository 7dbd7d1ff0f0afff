"""How a consumer is built: its options, its group, and the flag that a rebalance sets."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from kafka import ConsumerRebalanceListener, KafkaConsumer
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor

from ..log import action
from .connection import KafkaConnection
from .kafka_client import build_client
from .poll_bound import PollBound

log = logging.getLogger(__name__)

OffsetReset = Literal["latest", "earliest"]
PartitionAssignment = Literal["cooperative-sticky", "range"]

_ASSIGNORS = {"cooperative-sticky": CooperativeStickyAssignor, "range": RangePartitionAssignor}

_ALL = 100_000  # records a poll may return: more than any fetch holds


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerSettings:
    """How to read.

    Attributes:
        auto_offset_reset: where a partition begins that the database does not know.
        session_timeout_seconds: silence after which the broker gives the partitions away.
        heartbeat_interval_seconds: at most a third of it.
        partition_assignment: how the group shares the partitions out.
        fetch_max_bytes: bounds what one poll returns, but for one larger message.
        max_message_bytes: the largest message that can be read at all.
        call_timeout_seconds: bounds every call that asks the broker something.
    """

    auto_offset_reset: OffsetReset = "earliest"
    session_timeout_seconds: float = 45.0
    heartbeat_interval_seconds: float = 3.0
    partition_assignment: PartitionAssignment = "cooperative-sticky"
    fetch_max_bytes: int = 8 * 1024 * 1024
    max_message_bytes: int = 8 * 1024 * 1024
    call_timeout_seconds: float = 5.0


def connect_consumer(
    connection: KafkaConnection,
    settings: ConsumerSettings,
    *,
    topic: str,
    group_id: str,
    changed: threading.Event,
) -> Any:
    """Return a consumer that has joined its group.

    Args:
        changed: set whenever partitions come or go.

    Raises:
        SourceUnavailable: the broker does not answer, with the cause.
    """
    options = connection.options() | _options(settings) | {"group_id": group_id}
    consumer = build_client(KafkaConsumer, connection, f"read {topic}", **options)
    PollBound(consumer._fetcher, max_bytes=settings.fetch_max_bytes)  # noqa: SLF001 - no public way
    consumer.subscribe([topic], listener=_listener(consumer, changed))
    return consumer


def _options(settings: ConsumerSettings) -> dict[str, Any]:
    """No deserialisers: one that fails leaves the consumer unusable."""
    return {
        "enable_auto_commit": False,
        "auto_offset_reset": "none",  # the loop seeks; the consumer begins nowhere by itself
        "isolation_level": "read_committed",  # a producer that aborts sends the same again
        "allow_auto_create_topics": False,
        "partition_assignment_strategy": [_ASSIGNORS[settings.partition_assignment]],
        "max_poll_records": _ALL,
        "fetch_max_bytes": settings.fetch_max_bytes,
        "max_partition_fetch_bytes": max(settings.fetch_max_bytes, settings.max_message_bytes),
        "session_timeout_ms": round(settings.session_timeout_seconds * 1000),
        "heartbeat_interval_ms": round(settings.heartbeat_interval_seconds * 1000),
        # A broker answers one request after another: what a flush asks waits for a fetch that finds nothing.
        "fetch_max_wait_ms": 100,
        "metadata_max_age_ms": 5_000,  # so soon are a new partition and a topic made anew seen,
        "metrics_enabled": False,
    }


def _listener(consumer: Any, changed: threading.Event) -> Any:
    """Return a listener that sets *changed*; it runs on the client's thread and may do little more.

    What is assigned stays paused until the loop has sought it: the client would else read from the
    group's committed offset at once, and fail there at a corrupt record before the loop could tell
    it to step over.
    """

    class Listener(ConsumerRebalanceListener):  # type: ignore[misc] # kafka-python has no types
        def on_partitions_revoked(self, revoked: object) -> None:
            changed.set()

        def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
            consumer.pause(*assigned)
            changed.set()

        def on_partitions_lost(self, lost: object) -> None:
            changed.set()

    return Listener()


def finish_rebalance(consumer: Any) -> None:
    """Let the next poll finish a rebalance that an earlier one began; for use before every poll.

    kafka-python 3.0 forgets one that a changed number of partitions began, if poll's time is up before
    the group has agreed: it goes on with the partitions that it had, sends no heartbeats, and nobody
    reads the new ones. Java's client asks to join again for the same reason (KAFKA-9815).
    """
    coordinator = consumer._coordinator  # noqa: SLF001 - there is no public way
    if coordinator.rejoining:
        coordinator.request_rejoin()


def warn_without_checksum() -> None:
    """Say loudly that reading will be slow, when it will."""
    try:
        import crc32c  # noqa: F401 - kafka-python uses it when it is there
    except ImportError:
        log.warning(
            "the package crc32c is not installed: checksums run in Python, 20 to 40 times slower; "
            "install kafka-python[crc32c]",
            extra=action("checksum_missing"),
        )
