"""What the loop still does when it is asked to stop, and for how long it tries."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ..log import action
from ..ports import Clock
from .loop_settings import LoopSettings
from .unflushed import Unflushed

log = logging.getLogger(__name__)


class Shutdown:
    """Scores and writes what is in memory; what is left undone is read again by the next agent."""

    def __init__(self, clock: Clock, settings: LoopSettings, unflushed: Unflushed) -> None:
        self._clock = clock
        self._settings = settings
        self._unflushed = unflushed

    def drain(self, collect: Callable[[], None], *, until: Callable[[], bool]) -> None:
        """Score what waits; *until* says when that has become of no use."""
        deadline = self._clock.monotonic() + self._settings.drain_seconds
        pipeline = self._unflushed.pipeline
        while len(pipeline) and not until():
            if self._clock.monotonic() > deadline:
                log.warning(
                    "%s records were not scored in time; the next agent reads them",
                    len(pipeline),
                    extra=action("records_left", records=len(pipeline)),
                )
                return
            pipeline.start(everything=True)
            collect()

    def flush(self, flush: Callable[[], bool], *, until: Callable[[], bool]) -> None:
        """Write what is counted; *until* says that another agent has these events."""
        deadline = self._clock.monotonic() + self._settings.leave_seconds
        while not flush():
            if until():
                return
            if self._clock.monotonic() > deadline:
                log.error(
                    "shutting down with %s events that are not in the database; the next agent reads them again",
                    self._unflushed.n_events,
                    extra=action("counts_left", events=self._unflushed.n_events),
                )
                return
            self._clock.sleep(self._settings.poll_seconds)
