"""Sends frames to a topic: for the demo, the tests and benchmarks, never for the agent itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from kafka import KafkaProducer

from ..stream.connection import KafkaConnection
from ..stream.kafka_client import build_client, close_producer

MAX_FRAME_BYTES = 16 * 1024 * 1024


class FrameProducer:
    """Sends encoded images the way a camera gateway would: CloudEvents headers and raw bytes.

    Not safe in more than one thread. What is outstanding is bounded: `send` waits when more than
    *max_pending_bytes* have not been acknowledged.
    """

    def __init__(
        self, connection: KafkaConnection, topic: str, *, max_pending_bytes: int = 8 * 1024 * 1024
    ) -> None:
        self._topic = topic
        self._max_pending_bytes = max_pending_bytes
        self._pending_bytes = 0
        self._futures: list[Any] = []
        self._producer = build_client(
            KafkaProducer,
            connection,
            f"send to {topic}",
            max_request_size=MAX_FRAME_BYTES,
            **connection.producer_options(),
        )

    def send(
        self,
        value: bytes | None,
        *,
        headers: Mapping[str, str | bytes] | None = None,
        event_id: str | None = None,
        event_time: datetime | None = None,
        key: bytes | None = None,
        partition: int | None = None,
    ) -> None:
        """Queue one frame.

        Args:
            headers: such as ``{"camera": "3"}``; text is sent as UTF-8.
            event_id: the CloudEvents id; None sends no CloudEvents headers at all.
            event_time: aware; with *event_id*, sent as the CloudEvents time; always the record's
                timestamp. None is now.
            key: frames with one key keep their order.
        """
        moment = event_time or datetime.now(UTC)
        self._futures.append(
            self._producer.send(
                self._topic,
                value=value,
                key=key,
                headers=_headers(headers or {}, event_id, moment),
                partition=partition,
                timestamp_ms=round(moment.timestamp() * 1000),
            )
        )
        self._pending_bytes += len(value or b"")
        if self._pending_bytes > self._max_pending_bytes:
            self.flush()

    def flush(self, timeout_seconds: float = 30.0) -> None:
        """Return when the broker has stored every frame; raise its error when it refused one."""
        self._producer.flush(timeout_seconds)
        futures, self._futures = self._futures, []
        self._pending_bytes = 0
        for future in futures:
            future.get(timeout=timeout_seconds)

    def close(self) -> None:
        """Flush and leave."""
        try:
            self.flush()
        finally:
            close_producer(self._producer, timeout_seconds=5)

    def __enter__(self) -> FrameProducer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _headers(
    headers: Mapping[str, str | bytes], event_id: str | None, event_time: datetime
) -> list[tuple[str, bytes]]:
    envelope: dict[str, str | bytes] = {}
    if event_id is not None:
        envelope = {
            "ce_specversion": "1.0",
            "ce_type": "image",
            "ce_source": "driftgauge",
            "ce_id": event_id,
            "ce_time": event_time.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        }
    return [
        (name, value if isinstance(value, bytes) else value.encode())
        for name, value in (envelope | dict(headers)).items()
    ]
