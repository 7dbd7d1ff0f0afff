"""Offsets that the broker no longer has: deleted by retention, or of a recreated topic."""

from __future__ import annotations

import logging
from typing import Any

from ..errors import SourceBroken
from ..log import action

log = logging.getLogger(__name__)


def skip_what_retention_took(consumer: Any, error: Any, *, timeout_ms: int) -> None:
    """Seek *consumer* to the first records there are, and say what is lost.

    Args:
        consumer: kafka-python's.
        error: its OffsetOutOfRangeError.
        timeout_ms: how long the broker may take to answer.

    Raises:
        SourceBroken: the database is ahead of the topic.
    """
    for tp, wanted in error.args[0].items():
        first = consumer.beginning_offsets([tp], timeout_ms=timeout_ms)[tp]
        if wanted > first:
            raise SourceBroken(
                f"{tp.topic}/{tp.partition} has no offset {wanted}, where this stream is to "
                f"continue, and begins at {first}: the topic was recreated or truncated, or the "
                "database belongs to another cluster",
                hint="use another stream name, or restore the stream's database",
            ) from error
        log.error(
            "%s/%s: %s offsets, %s to %s, were deleted by retention before they were counted, "
            "and are lost to the counts; reading continues from %s",
            *(tp.topic, tp.partition, first - wanted, wanted, first - 1, first),
            extra=action(
                "retention_passed", topic=tp.topic, partition=tp.partition, events=first - wanted
            ),
        )
        consumer.seek(tp, first)
