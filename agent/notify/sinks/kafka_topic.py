"""A Kafka topic, each notice a CloudEvent in binary mode."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ...errors import AgentError, NotificationUndelivered
from ..alertmanager_form import moment
from ..notice import Notice
from ..summary import Summary

EVENT_TYPE = "io.driftgauge.alert"
DIGEST_TYPE = "io.driftgauge.digest"


class MessagePublisher(Protocol):
    """Sends one message to one topic, and returns when the broker has stored it."""

    def publish(self, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> None:
        """Return when it is stored; raise an AgentError when it is not."""

    def close(self) -> None:
        """Leave the broker."""


class KafkaTopicSink:
    """Publishes each notice under its alert's number, so that an alert's steps keep their order.

    Args:
        connect: connects to the broker, at the first notice and after a failure.
    """

    name = "kafka"
    is_for_people = False

    def __init__(self, connect: Callable[[], MessagePublisher]) -> None:
        self._connect = connect
        self._publisher: MessagePublisher | None = None

    def send(self, notice: Notice) -> None:
        """Return when the broker stored the notice."""
        key = f"{notice.alert.stream}/{notice.alert.id}"
        self._publish(key, notice.values(), cloudevent_headers(notice))

    def send_summary(self, summary: Summary) -> None:
        """Return when the broker stored the digest."""
        self._publish(summary.stream, summary.values(), digest_headers(summary))

    def _publish(
        self, key: str, values: Mapping[str, Any], headers: list[tuple[str, bytes]]
    ) -> None:
        try:
            if self._publisher is None:
                self._publisher = self._connect()
            self._publisher.publish(key.encode(), json.dumps(values).encode(), headers)
        except AgentError as error:
            self.close()
            raise NotificationUndelivered(f"kafka: {error}") from error

    def close(self) -> None:
        """Leave the broker."""
        if self._publisher is not None:
            self._publisher.close()
            self._publisher = None


def cloudevent_headers(notice: Notice) -> list[tuple[str, bytes]]:
    """Return the CloudEvents attributes; ``severity`` and ``kind`` are extensions."""
    texts = {
        "ce_specversion": "1.0",
        "ce_id": notice.key,
        "ce_source": f"driftgauge/{notice.alert.stream}",
        "ce_type": EVENT_TYPE,
        "ce_time": moment(notice.at),
        "ce_subject": notice.alert.segment,
        "ce_severity": notice.alert.severity,
        "ce_kind": notice.kind,
        "content-type": "application/json",
    }
    return [(name, text.encode()) for name, text in texts.items()]


def digest_headers(summary: Summary) -> list[tuple[str, bytes]]:
    """Return the CloudEvents attributes of a digest."""
    texts = {
        "ce_specversion": "1.0",
        "ce_id": summary.key,
        "ce_source": f"driftgauge/{summary.stream}",
        "ce_type": DIGEST_TYPE,
        "ce_time": moment(summary.at),
        "ce_severity": summary.severity,
        "content-type": "application/json",
    }
    return [(name, text.encode()) for name, text in texts.items()]
