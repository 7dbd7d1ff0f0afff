"""The broker or the database is away: for how long to wait, and for which."""

from __future__ import annotations

import logging

from driftgauge.storage import StoreUnavailable

from ..log import action
from ..ports import Clock
from .condition import Absent
from .timing import Backoff

log = logging.getLogger(__name__)


class Outage:
    """Begins with a failure, lasts until something succeeds. The loop's thread owns it."""

    def __init__(self, clock: Clock) -> None:
        self._backoff = Backoff(clock)
        self._missed: Absent = "broker"

    @property
    def absent(self) -> Absent | None:
        """What is waited for; None when nothing is."""
        return self._missed if self.lasts else None

    @property
    def lasts(self) -> bool:
        """Whether the last try failed."""
        return self._backoff.is_failing

    @property
    def is_waiting(self) -> bool:
        """Whether it is too early for another try."""
        return self._backoff.is_waiting

    def begin(self, error: Exception) -> None:
        """A try failed: wait, longer each time."""
        self._missed = "database" if isinstance(error, StoreUnavailable) else "broker"
        seconds = self._backoff.fail()
        log.warning(
            "%s; trying again in %.1f s, partitions are paused",
            error,
            seconds,
            extra=action("world_awaited", absent=self._missed, seconds=seconds),
        )

    def end(self) -> None:
        """A try succeeded."""
        self._backoff.succeed()
