"""Offsets that a consumer holds, queries and commits. The consumer's thread calls."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from typing import Any

from kafka import OffsetAndMetadata, TopicPartition
from kafka.errors import KafkaError

from ..errors import SourceUnavailable
from ..log import action
from ..ports import Partition

log = logging.getLogger(__name__)


def positions(consumer: Any) -> dict[Partition, int]:
    """Return where *consumer* is in each partition, as far as it knows without asking."""
    found: dict[Partition, int] = {}
    for tp in consumer.assignment():
        with contextlib.suppress(KafkaError, ValueError):  # not sought yet, or gone meanwhile
            offset = consumer.position(tp, timeout_ms=10)
            if offset is not None:
                found[tp.topic, tp.partition] = int(offset)
    return found


def start_of(consumer: Any, partition: Partition, timeout_ms: int) -> int | None:
    """Return where a partition that was sought to an end will begin; None if it is unknown."""
    try:
        found = consumer.position(TopicPartition(*partition), timeout_ms=timeout_ms)
    except KafkaError as error:
        log.warning(
            "the start of %s/%s is not known yet; reading continues: %s",
            *partition,
            error,
            extra=action("start_unknown"),
        )
        return None
    return None if found is None else int(found)


def ends_of(consumer: Any, timeout_ms: int) -> dict[Partition, int]:
    """Return the offset after the last of each owned partition, markers of transactions included.

    Raises:
        SourceUnavailable: the broker did not say in time.
    """
    try:
        told = consumer.end_offsets(list(consumer.assignment()), timeout_ms=timeout_ms)
    except KafkaError as error:
        raise SourceUnavailable(f"the broker did not return the end offsets: {error}") from error
    return {(tp.topic, tp.partition): int(end) for tp, end in told.items()}


def tell_offsets(consumer: Any, offsets: Mapping[Partition, int], mark: str = "") -> None:
    """Commit the owned partitions' *offsets*, for lag tools; never raises, never waits.

    Args:
        mark: what the broker is to keep beside each.
    """
    owned = consumer.assignment()
    marks = {
        TopicPartition(*partition): OffsetAndMetadata(offset, mark, -1)
        for partition, offset in offsets.items()
        if TopicPartition(*partition) in owned  # the broker would believe us for others', too
    }
    if not marks:
        return
    try:
        consumer.commit_async(marks)
    except KafkaError as error:
        log.info(
            "offsets were not committed to the broker; retrying at the next flush: %s",
            error,
            extra=action("offsets_not_told"),
        )
