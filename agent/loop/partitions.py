"""The partitions that this agent reads: each starts at the database's offset; all are paused together."""

from __future__ import annotations

import logging

from ..errors import TopicRecreated
from ..log import action
from ..ports import EventSource, LoopStore
from .positions import Positions

log = logging.getLogger(__name__)


class Partitions:
    """Seeks, pauses and resumes what the loop owns. The loop's thread owns it.

    Args:
        positions: receives the start offset of each partition.

    Attributes:
        is_paused: none is fetched from.
    """

    def __init__(
        self, source: EventSource, store: LoopStore, stream: str, positions: Positions
    ) -> None:
        self._source = source
        self._store = store
        self._stream = stream
        self._positions = positions
        self.is_paused = False

    def seek(self) -> bool:
        """Continue each at the database's offset; return whether any is owned.

        Raises:
            StoreUnavailable: the database does not answer; no partition was sought.
            TopicRecreated: its offsets are of a topic that was deleted.
        """
        owned = self._source.assignment()
        if not owned:
            return False
        topic_id = self._source.topic_id()
        if topic_id is not None:
            for topic in {topic for topic, _ in owned}:
                self._check(topic, topic_id)
        known = self._store.offsets(self._stream, owned)
        stored = {partition: known.get(partition) for partition in owned}
        begun = self._source.seek(stored)
        self._positions.begin(stored, begun, topic_id=topic_id)
        for topic, number in sorted(owned):
            begins = begun.get((topic, number), "the configured start")
            log.info(
                "reading %s/%s from offset %s",
                *(topic, number, begins),
                extra=action("partition_begun", topic=topic, partition=number, offset=begins),
            )
        return True

    def _check(self, topic: str, topic_id: str) -> None:
        before = self._store.note_topic(self._stream, topic, topic_id)
        if before is not None:
            raise TopicRecreated(
                f"topic {topic} was deleted and recreated: its id is {topic_id}, and the offsets of "
                f"stream {self._stream!r} belong to the topic with the id {before}; nothing of the "
                "new one was read",
                hint="`driftgauge run --accept-new-topic` reads it from its first message; the counts "
                "of the old topic are kept",
            )

    def balance(self, *, must_pause: bool, may_resume: bool) -> None:
        """Fetch from none of them, or from all; what was not sought is not fetched."""
        is_sought = self._positions.is_known
        should_pause = not is_sought or must_pause or (self.is_paused and not may_resume)
        if should_pause != self.is_paused:
            self.is_paused = should_pause
            (self._source.pause if should_pause else self._source.resume)()
