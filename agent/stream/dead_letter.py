"""Undecodable events go to a topic of their own, untouched, with the reason in headers."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from ..errors import SourceUnavailable
from ..log import action
from ..ports import Record
from .connection import KafkaConnection
from .kafka_client import build_client, close_producer
from .letter import PREFIX, reasons
from .topic import ensure_topics

log = logging.getLogger(__name__)

_ENVELOPE_BYTES = 64 * 1024
_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)
_NOT_IDEMPOTENT = {"enable_idempotence": False}
"""An idempotent producer sends nothing more once the broker has refused one letter."""


@dataclass(slots=True)
class _Letter:
    """One letter on its way; *future* is None while it must be sent (again)."""

    record: Record
    headers: tuple[tuple[str, bytes], ...]
    future: Any = field(default=None, repr=False)

    @property
    def n_bytes(self) -> int:
        every = (*self.record.headers, *self.headers)
        headers = sum(len(name) + len(value) for name, value in every)
        return len(self.record.value or b"") + len(self.record.key or b"") + headers


class KafkaDeadLetters:
    """Letters to a topic that it makes at its start. One thread owns it.

    The client's own queue has no bound, so this one has: beyond *max_pending_bytes*, `send` waits
    until the broker has stored what is outstanding. After a crash a letter may arrive twice.

    Args:
        max_message_bytes: the largest value that is sent on; of a larger one, the reason only.
        flush_timeout_seconds: how long a `send` over the bound waits.

    Raises:
        SourceUnavailable: the broker does not answer.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        topic: str,
        max_pending_bytes: int = 16 * 1024 * 1024,
        max_message_bytes: int = 8 * 1024 * 1024,
        flush_timeout_seconds: float = 10.0,
    ) -> None:
        self._topic = topic
        self._max_pending_bytes = max_pending_bytes
        self._flush_timeout_seconds = flush_timeout_seconds
        self._letters: list[_Letter] = []
        self._pending_bytes = 0
        self._is_closed = False
        request_bytes = max_message_bytes + _ENVELOPE_BYTES
        ensure_topics(connection, {topic: -1}, configs={"max.message.bytes": str(request_bytes)})
        self._producer = build_client(
            KafkaProducer,
            connection,
            f"send to {topic}",
            max_request_size=request_bytes,
            **connection.producer_options() | _NOT_IDEMPOTENT,
        )

    def send(self, record: Record, *, error: str, message: str) -> None:
        """Queue *record* untouched, with the reason in added headers.

        Raises:
            SourceUnavailable: too much is outstanding; *record* is not queued then.
        """
        if self._pending_bytes > self._max_pending_bytes:
            self.flush(self._flush_timeout_seconds)
        letter = _Letter(record, reasons(record, error=error, message=message))
        self._letters.append(letter)
        self._pending_bytes += letter.n_bytes
        self._start(letter)

    def flush(self, timeout_seconds: float) -> None:
        """Return when everything queued is stored by the broker.

        Raises:
            SourceUnavailable: some is not; it stays queued and is sent again at the next flush.
        """
        if not self._letters:
            return
        for letter in self._letters:
            if letter.future is None:
                self._start(letter)
        try:
            self._producer.flush(timeout_seconds)
        except KafkaError as error:
            raise self._undelivered(error) from error
        refusals = [letter.future.exception for letter in self._letters if letter.future]
        self._letters = [letter for letter in self._letters if not self._is_stored(letter)]
        self._pending_bytes = sum(letter.n_bytes for letter in self._letters)
        if self._letters:
            raise self._undelivered(next(filter(None, refusals), None))

    def close(self) -> None:
        """Flush and leave; safe to call twice."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            self.flush(self._flush_timeout_seconds)
        finally:
            close_producer(self._producer, self._flush_timeout_seconds)

    def _start(self, letter: _Letter) -> None:
        record = letter.record
        try:
            letter.future = self._producer.send(
                self._topic,
                value=record.value if record.value is not None or record.key else b"",
                key=record.key,
                headers=[*record.headers, *letter.headers],
                timestamp_ms=record.timestamp_ms if record.timestamp_ms >= 0 else None,
            )
        except _TOO_LARGE as error:
            self._send_reason_only(letter, error)
        except KafkaError as error:  # the topic's leader is not known now: at the next flush
            log.warning(
                "dead letter waits for the next flush: %s", error, extra=action("letter_waits")
            )

    def _is_stored(self, letter: _Letter) -> bool:
        future = letter.future
        if future is not None and future.is_done and future.succeeded():
            return True
        letter.future = None
        if future is not None and isinstance(future.exception, _TOO_LARGE):
            self._send_reason_only(letter, future.exception)
        return False

    def _send_reason_only(self, letter: _Letter, error: Exception) -> None:
        """Send what the broker takes: a stream must not stop at one message that it refuses."""
        n_bytes = len(letter.record.value or b"")
        log.warning(
            "dead letter of %s bytes is too large, sending its reason: %s",
            n_bytes,
            error,
            extra=action("letter_too_large", bytes=n_bytes),
        )
        letter.headers = (*letter.headers, (f"{PREFIX}dropped_bytes", str(n_bytes).encode()))
        letter.record = Record(
            topic=letter.record.topic,
            partition=letter.record.partition,
            offset=letter.record.offset,
            key=letter.record.key,
            value=b"",
            headers=(),
            timestamp_ms=letter.record.timestamp_ms,
        )
        self._start(letter)

    def _undelivered(self, error: Exception | None) -> SourceUnavailable:
        return SourceUnavailable(
            f"{len(self._letters)} dead letters are not stored in {self._topic}: "
            f"{error or 'the broker did not answer'}",
            hint=f"check that this agent has write permission on {self._topic}",
        )
