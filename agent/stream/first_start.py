"""Where a partition begins that the database does not know, and what to say of it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection
from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaError

from ..log import action
from ..ports import Partition
from .consumer import OffsetReset
from .offsets import start_of

log = logging.getLogger(__name__)


def seek_starts(
    consumer: Any,
    partitions: Collection[Partition],
    *,
    reset: OffsetReset,
    n_first: int,
    timeout_ms: int,
) -> dict[Partition, int]:
    """Seek *partitions* to where they begin; return each one's offset, as far as it is told.

    A partition that was added since the topic was first read begins with its first record: it is
    found late, and its end would by then be past events that nobody has read.

    Args:
        n_first: how many partitions the topic had then.
    """
    for partition in partitions:
        is_added = partition[1] >= n_first
        tp = TopicPartition(*partition)
        with contextlib.suppress(ValueError):  # no longer assigned
            if reset == "earliest" or is_added:
                consumer.seek_to_beginning(tp)
            else:
                consumer.seek_to_end(tp)
    found = {partition: start_of(consumer, partition, timeout_ms) for partition in partitions}
    begun = {partition: offset for partition, offset in found.items() if offset is not None}
    if begun:
        _tell(consumer, begun, timeout_ms)
    return begun


def _tell(consumer: Any, begun: dict[Partition, int], timeout_ms: int) -> None:
    """Say how many messages a first start finds, and how many it leaves out."""
    tps = [TopicPartition(*partition) for partition in begun]
    try:
        firsts = consumer.beginning_offsets(tps, timeout_ms=timeout_ms)
        ends = consumer.end_offsets(tps, timeout_ms=timeout_ms)
    except KafkaError as error:
        log.debug(
            "the number of earlier messages is unknown: %s", error, extra=action("start_unknown")
        )
        return
    n_skipped = sum(max(0, begun[tuple(tp)] - first) for tp, first in firsts.items())
    n_there = sum(max(0, end - begun[tuple(tp)]) for tp, end in ends.items())
    topic = tps[0].topic
    if n_skipped:
        log.warning(
            "first start on %s: %s earlier messages are skipped, as kafka.auto_offset_reset = "
            '"latest" says; a new stream started with `driftgauge run --from beginning` counts them',
            *(topic, f"{n_skipped:,}"),
            extra=action("messages_skipped", topic=topic, messages=n_skipped),
        )
    else:
        log.info(
            "first start on %s: reading from the beginning, %s messages are there already",
            *(topic, f"{n_there:,}"),
            extra=action("first_start", topic=topic, messages=n_there),
        )
