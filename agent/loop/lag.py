"""How far the counts are behind the topic, asked of the broker now and then."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import SourceUnavailable
from ..log import action
from ..ports import Clock, EventSource, Partition
from .positions import Position

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 2.0
_ASK_AGAIN_SECONDS = 2.0
_SILENT_AFTER = 2
"""One question without an answer is a busy broker; so many in a row are one that is away."""


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """One partition's.

    Attributes:
        messages: offsets between what is counted and the end of the partition.
        behind_ms: milliseconds since 1970 of the last counted record while messages wait; None when
            nothing waits or nothing was counted yet.
    """

    messages: int
    behind_ms: int | None = None

    def seconds(self, now_seconds: float) -> float:
        """Return the age of the last counted record while messages wait, else 0."""
        if self.messages == 0 or self.behind_ms is None:
            return 0.0
        return max(0.0, now_seconds - self.behind_ms / 1000)


@dataclass(frozen=True, slots=True)
class LagReading:
    """What was known at *at*, a monotonic time; None while nothing is known."""

    at: float | None = None
    partitions: Mapping[Partition, PartitionLag] = field(default_factory=dict)


class Lag:
    """Asks for the ends of the owned partitions. The loop's thread owns it.

    Args:
        interval_seconds: between two questions.

    Attributes:
        reading: replaced as a whole; after a question without an answer the old one stays, older.
        silence: why the broker does not answer; None while it does. Nothing else notices that: the
            client's `poll` returns no records then, as on an idle topic.
    """

    def __init__(self, source: EventSource, clock: Clock, *, interval_seconds: float) -> None:
        self._source = source
        self._clock = clock
        self._interval_seconds = interval_seconds
        self._due_at = clock.monotonic()
        self._asked: frozenset[Partition] = frozenset()
        self._n_unanswered = 0
        self.reading = LagReading()
        self.silence: SourceUnavailable | None = None

    def look(self, positions: Mapping[Partition, Position]) -> None:
        """Ask when it is time, and immediately if the partitions have changed.

        Args:
            positions: how far each owned partition is counted.
        """
        if positions.keys() != self._asked:  # what was known is of others
            self._asked = frozenset(positions)
            self.reading = LagReading()
            self._n_unanswered, self.silence = 0, None
            self._due_at = self._clock.monotonic()
        now = self._clock.monotonic()
        if now < self._due_at or not positions:
            return
        try:
            ends = self._source.ends(TIMEOUT_SECONDS)
        except SourceUnavailable as error:
            log.debug("the lag could not be updated: %s", error, extra=action("lag_unknown"))
            self._n_unanswered += 1
            self.silence = error if self._n_unanswered >= _SILENT_AFTER else None
            wait = min(_ASK_AGAIN_SECONDS, self._interval_seconds)
        else:
            self._n_unanswered, self.silence = 0, None
            wait = self._interval_seconds
            found = {at: _lag(positions[at], end) for at, end in ends.items() if at in positions}
            self.reading = LagReading(now, found)
        self._due_at = self._clock.monotonic() + wait


def _lag(position: Position, end: int) -> PartitionLag:
    if position.offset is None:  # no start is known yet
        return PartitionLag(0)
    return PartitionLag(max(0, end - position.offset), position.timestamp_ms)
