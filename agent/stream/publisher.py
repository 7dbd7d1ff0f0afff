"""Sends one message at a time to one topic, and waits until the broker has stored it."""

from __future__ import annotations

from kafka import KafkaProducer

from .connection import KafkaConnection
from .kafka_client import build_client, close_producer, explaining
from .topic import ensure_topics

TIMEOUT_SECONDS = 10.0


class KafkaPublisher:
    """Publishes to *topic*, which is made where it does not exist. One thread owns it.

    Raises:
        SourceUnavailable: the broker does not answer.
    """

    def __init__(self, connection: KafkaConnection, topic: str) -> None:
        self._connection = connection
        self._topic = topic
        ensure_topics(connection, {topic: -1})
        self._producer = build_client(
            KafkaProducer, connection, f"send to {topic}", **connection.producer_options()
        )

    def publish(self, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> None:
        """Return when the broker has stored the message.

        Raises:
            SourceUnavailable: it did not, or did not say so in time.
        """
        with explaining(self._connection, f"send to {self._topic}", client=self._producer):
            sent = self._producer.send(self._topic, key=key, value=value, headers=headers)
            sent.get(timeout=TIMEOUT_SECONDS)

    def close(self) -> None:
        """Leave the broker."""
        close_producer(self._producer, TIMEOUT_SECONDS)
