"""Looks at a cluster from outside any group: topics, permissions, newest records. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import GroupAuthorizationFailedError, KafkaError

from ..ports import Record
from .connection import KafkaConnection
from .kafka_client import build_client, explaining
from .record import to_record

_CALL_MS = 10_000
_POLL_MS = 500
_POLLS = 20
_FETCH_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class TopicView:
    """A topic as this client sees it.

    Attributes:
        partitions: how many; 0 where the topic does not exist, or may not be seen.
        leaderless: partitions that no broker leads now.
        allowed: operations that the client may do; None if the broker does not return them.
    """

    partitions: int
    leaderless: int
    allowed: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class ClusterView:
    """A cluster as this client sees it.

    Attributes:
        names: of the topics that may be seen.
        group: operations that the client may do on the group; None if the broker does not return them.
        allowed: operations on the cluster itself.
    """

    brokers: int
    names: Sequence[str]
    topics: Mapping[str, TopicView]
    group: frozenset[str] | None
    allowed: frozenset[str] | None


def look_at_cluster(connection: KafkaConnection, topics: Sequence[str], group: str) -> ClusterView:
    """Return the broker's metadata of *topics* and *group*, without creating them.

    Raises:
        SourceUnavailable: the broker cannot be reached, or does not let this client in.
    """
    purpose = "look at the cluster"
    admin = build_client(KafkaAdminClient, connection, purpose, **connection.options())
    try:
        with explaining(connection, purpose, client=admin):
            cluster = admin.describe_cluster()
            names = admin.list_topics()
            described = {one["name"]: one for one in admin.describe_topics(list(topics))}
        return ClusterView(
            brokers=len(cluster["brokers"]),
            names=sorted(names),
            topics={name: _topic_view(described.get(name, {})) for name in topics},
            group=_group_operations(admin, group),
            allowed=_operations(cluster),
        )
    finally:
        admin.close()


def _topic_view(told: Mapping[str, Any]) -> TopicView:
    partitions = told.get("partitions") or []
    leaderless = sum(1 for one in partitions if one.get("leader_id", 0) < 0)
    return TopicView(len(partitions), leaderless, _operations(told))


def _group_operations(admin: Any, group: str) -> frozenset[str] | None:
    try:
        told = admin.describe_groups([group])[group]
    except GroupAuthorizationFailedError:
        return frozenset()
    except (KafkaError, KeyError):  # a broker that does not know the question
        return None
    refused = GroupAuthorizationFailedError.__name__ in str(told.get("error"))
    return frozenset() if refused else _operations(told)


def _operations(told: Mapping[str, Any]) -> frozenset[str] | None:
    names = told.get("authorized_operations")
    return None if names is None else frozenset(names)


def newest_records(connection: KafkaConnection, topic: str, n: int) -> list[Record]:
    """Return about *n* of the newest records of *topic*, in no group, within some seconds.

    Raises:
        SourceUnavailable: the broker does not answer.
    """
    found: list[Record] = []
    with groupless_reader(connection, f"read {topic}") as consumer:
        numbers = sorted(consumer.partitions_for_topic(topic) or ())
        partitions = [TopicPartition(topic, number) for number in numbers]
        ends = consumer.end_offsets(partitions, timeout_ms=_CALL_MS)
        begins = consumer.beginning_offsets(partitions, timeout_ms=_CALL_MS)
        filled = [tp for tp in partitions if ends[tp] > begins[tp]]
        if not filled:
            return []
        consumer.assign(filled)
        each = -(-n // len(filled))
        for tp in filled:
            consumer.seek(tp, max(begins[tp], ends[tp] - each))
        for _ in range(_POLLS):
            for batch in consumer.poll(timeout_ms=_POLL_MS).values():
                found += [to_record(one) for one in batch]
            if all(consumer.position(tp, timeout_ms=_CALL_MS) >= ends[tp] for tp in filled):
                break
    return found


@contextmanager
def groupless_reader(connection: KafkaConnection, purpose: str) -> Iterator[Any]:
    """Give a consumer that joins no group, commits nothing and creates nothing."""
    consumer = build_client(
        KafkaConsumer,
        connection,
        purpose,
        **connection.options(),
        group_id=None,
        enable_auto_commit=False,
        isolation_level="read_committed",
        allow_auto_create_topics=False,
        max_partition_fetch_bytes=_FETCH_BYTES,
        fetch_max_bytes=_FETCH_BYTES,
        metrics_enabled=False,
    )
    try:
        with explaining(connection, purpose, client=consumer):
            yield consumer
    finally:
        consumer.close(autocommit=False, timeout_ms=_CALL_MS)
