"""Topics: made before they are used, since a send to an unknown one blocks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from kafka.admin import KafkaAdminClient
from kafka.errors import TopicAlreadyExistsError

from .connection import KafkaConnection
from .kafka_client import build_client, explaining


def ensure_topics(
    connection: KafkaConnection,
    partitions: Mapping[str, int],
    *,
    configs: Mapping[str, str] | None = None,
) -> None:
    """Make each topic that does not exist; leave the others as they are.

    Args:
        partitions: topic name to its number of partitions, -1 for the broker's default.
        configs: the topics' settings, such as ``max.message.bytes``.

    Raises:
        SourceUnavailable: the broker cannot be reached, or refuses.
    """
    purpose = f"make topics {', '.join(partitions)}"
    with _admin(connection, purpose) as admin:
        missing = set(partitions) - set(admin.list_topics())
        for topic in sorted(missing):
            _create(admin, topic, partitions[topic], dict(configs or {}))
        admin.wait_for_topics(list(partitions))


def delete_topics(connection: KafkaConnection, *topics: str) -> None:
    """Delete *topics* with all that is in them.

    Raises:
        SourceUnavailable: the broker cannot be reached, or refuses.
    """
    with _admin(connection, f"delete topics {', '.join(topics)}") as admin:
        admin.delete_topics(list(topics))


@contextlib.contextmanager
def _admin(connection: KafkaConnection, purpose: str) -> Iterator[Any]:
    admin = build_client(KafkaAdminClient, connection, purpose, **connection.options())
    try:
        with explaining(connection, purpose, client=admin):
            yield admin
    finally:
        admin.close()


def _create(admin: Any, topic: str, partitions: int, configs: dict[str, str]) -> None:
    shape = {"num_partitions": partitions, "replication_factor": -1, "configs": configs}
    with contextlib.suppress(TopicAlreadyExistsError):  # another agent was quicker
        admin.create_topics({topic: shape})
