"""The partitions that this agent reads: each sought at the database's offset, all paused together."""

from __future__ import annotations

import logging

from ..log import action
from ..ports import EventSource, LoopStore
from .positions import Positions

log = logging.getLogger(__name__)


class Partitions:
    """What the loop owns, and how far it is. The loop's thread owns it.

    Attributes:
        positions: empty while they must be sought.
        must_seek: the database's offsets are not asked for yet.
        is_paused: none is fetched from.
    """

    def __init__(self, source: EventSource, store: LoopStore, stream: str) -> None:
        self._source = source
        self._store = store
        self._stream = stream
        self.positions = Positions()
        self.must_seek = True
        self.is_paused = False

    def seek(self) -> bool:
        """Continue each at the database's offset; return whether any is owned.

        Raises:
            StoreUnavailable: the database does not tell; nothing was sought.
        """
        owned = self._source.assignment()
        if not owned:
            return False
        known = self._store.offsets(self._stream, owned)
        stored = {partition: known.get(partition) for partition in owned}
        begun = self._source.seek(stored)
        self.positions.begin(stored, begun)
        self.must_seek = False
        for topic, number in sorted(owned):
            begins = begun.get((topic, number), "the configured start")
            log.info(
                "reading %s/%s from offset %s",
                *(topic, number, begins),
                extra=action("partition_begun", topic=topic, partition=number, offset=begins),
            )
        return True

    def balance(self, *, must_pause: bool, may_resume: bool) -> None:
        """Fetch from none of them, or from all; what was not sought is not fetched."""
        should_pause = self.must_seek or must_pause or (self.is_paused and not may_resume)
        if should_pause != self.is_paused:
            self.is_paused = should_pause
            (self._source.pause if should_pause else self._source.resume)()

    def forget(self) -> None:
        """They are to be sought anew."""
        self.positions.clear()
        self.must_seek = True
