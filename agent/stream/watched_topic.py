"""The topic that is read: whether it is there, how many partitions it has, and which id."""

from __future__ import annotations

import difflib
import logging
import time
from collections.abc import Collection
from typing import Any

from ..errors import SourceUnavailable, TopicMissing
from ..log import action
from .connection import KafkaConnection
from .kafka_client import explaining

log = logging.getLogger(__name__)

_MAX_NAMED = 5
_GONE_SECONDS = 10.0


class WatchedTopic:
    """What the broker tells of the topic that is read. The source's thread owns it.

    Attributes:
        n_partitions: at the last look.
        topic_id: changes when the topic is deleted and recreated; None where the broker tells none.
    """

    def __init__(self, topic: str, connection: KafkaConnection) -> None:
        self._topic = topic
        self._connection = connection
        self._listed_at = time.monotonic()
        self._is_remade = False
        self.n_partitions = 0
        self.topic_id: str | None = None

    def look_up(self, consumer: Any) -> None:
        """Ask the broker.

        A consumer that joins its group without having asked is given no partition, and stays so.

        Raises:
            SourceUnavailable: the broker does not list its topics, with the cause.
            TopicMissing: the topic is not among them.
        """
        with explaining(self._connection, f"read {self._topic}", client=consumer):
            names = consumer.topics()
        if self._topic not in names:
            raise topic_missing(self._topic, names, self._connection)
        self.n_partitions = len(consumer.partitions_for_topic(self._topic) or ())
        self._note(consumer)

    def was_recreated(self, consumer: Any) -> bool:
        """Return whether the topic has another id than before, by what the broker last told.

        That is every few seconds, so nothing is asked. True once for each new id.

        Raises:
            SourceUnavailable: it has not been there for some seconds.
        """
        if _cluster(consumer).partitions_for_topic(self._topic) is not None:
            self._listed_at = time.monotonic()
            self._note(consumer)
        elif time.monotonic() - self._listed_at > _GONE_SECONDS:
            raise SourceUnavailable(f"topic {self._topic} is not there any more")
        was, self._is_remade = self._is_remade, False
        return was

    def tell_without_id(self) -> None:
        """Say so when the broker tells no id."""
        if self.topic_id is None:
            log.info(
                "the broker tells no topic ids: if %s is deleted and recreated, that is noticed by "
                "its offsets only",
                self._topic,
                extra=action("topic_id_unknown", topic=self._topic),
            )

    def _note(self, consumer: Any) -> None:
        found = _cluster(consumer).topic_id(self._topic)
        if found is None or found.int == 0 or str(found) == self.topic_id:
            return
        self._is_remade = self.topic_id is not None
        self.topic_id = str(found)


def _cluster(consumer: Any) -> Any:
    return consumer._client.cluster  # noqa: SLF001 - there is no public way


def topic_missing(topic: str, names: Collection[str], connection: KafkaConnection) -> TopicMissing:
    """Return what to raise: the name, the nearest names that exist, and what to do."""
    others = sorted(name for name in names if not name.startswith("__"))
    near = difflib.get_close_matches(topic, others, n=3)
    if near:
        known = f"did you mean {' or '.join(map(repr, near))}?"
    elif others:
        known = f"there are {', '.join(others[:_MAX_NAMED])}" + (
            f" and {len(others) - _MAX_NAMED} more" if len(others) > _MAX_NAMED else ""
        )
    else:
        known = "there is none that this agent may see"
    servers = ", ".join(connection.bootstrap_servers)
    return TopicMissing(
        f"topic {topic!r} does not exist at {servers}; {known}",
        hint="correct the name, or make the topic: driftgauge makes none that it reads. A topic that "
        "this agent may not describe looks the same",
    )
