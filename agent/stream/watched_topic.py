"""The topic that is read: whether it is there, how many partitions it has, and which id."""

from __future__ import annotations

import difflib
import logging
import time
from collections.abc import Collection
from typing import Any

from kafka.errors import KafkaError

from ..errors import SourceUnavailable, TopicMissing
from ..log import action
from .connection import KafkaConnection
from .kafka_client import explaining

log = logging.getLogger(__name__)

_MAX_NAMED = 5
_GONE_SECONDS = 10.0


class WatchedTopic:
    """What the broker says about the topic that is read. The source's thread owns it.

    Attributes:
        n_partitions: at the last look.
        topic_id: changes when the topic is recreated; None if the broker returns none.
    """

    def __init__(self, topic: str, connection: KafkaConnection) -> None:
        self._topic = topic
        self._connection = connection
        self._listed_at = time.monotonic()
        self._sought_id: str | None = None
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

    def mark_sought(self) -> None:
        """The offsets that are read from now on are of the topic as it is now known."""
        self._sought_id = self.topic_id

    def was_recreated(self, consumer: Any) -> bool:
        """Return whether the topic has another id than when it was sought, by what is known.

        The client asks the broker every few seconds; nothing is asked here.

        Raises:
            SourceUnavailable: the topic has not existed for some seconds.
        """
        if _cluster(consumer).partitions_for_topic(self._topic) is not None:
            self._listed_at = time.monotonic()
            self._note(consumer)
        elif time.monotonic() - self._listed_at > _GONE_SECONDS:
            raise SourceUnavailable(f"topic {self._topic} does not exist any more")
        return not self._is_sought

    def is_the_same(self, consumer: Any, timeout_ms: int) -> bool:
        """Ask the broker whether the topic has the id that was sought; True if it does not answer.

        The client fetches by name: what it brought may be from a recreated topic.
        """
        if self._sought_id is None:
            return True
        cluster = _cluster(consumer)
        try:
            for _ in range(1 + cluster.metadata_refresh_in_progress):  # one that began after now
                answer = cluster.request_update()
                consumer._net.run(consumer._manager.wait_for, answer, timeout_ms)  # noqa: SLF001
        except KafkaError as error:
            log.debug(
                "the broker did not return the id of topic %s: %s",
                *(self._topic, error),
                extra=action("topic_id_unconfirmed", topic=self._topic),
            )
        self._note(consumer)
        return self._is_sought

    @property
    def _is_sought(self) -> bool:
        return self._sought_id is None or self._sought_id == self.topic_id

    def tell_without_id(self) -> None:
        """Say so when the broker tells no id."""
        if self.topic_id is None:
            log.info(
                "the broker returns no topic ids: if topic %s is recreated, that is detected by its "
                "offsets only",
                self._topic,
                extra=action("topic_id_unknown", topic=self._topic),
            )

    def _note(self, consumer: Any) -> None:
        found = _cluster(consumer).topic_id(self._topic)
        if found is not None and found.int != 0:
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
        known = "this agent sees no topic there"
    servers = ", ".join(connection.bootstrap_servers)
    return TopicMissing(
        f"topic {topic!r} does not exist at {servers}; {known}",
        hint="correct the name, or create the topic: driftgauge creates none that it reads. A topic "
        "that this agent is not allowed to describe looks the same",
    )
