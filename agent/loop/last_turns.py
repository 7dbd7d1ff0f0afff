"""What the loop still does when it is asked to stop, and for how long it tries."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ..counting.counting import Counting
from ..log import action
from ..ports import Clock
from .loop_settings import LoopSettings
from .pipeline import Pipeline

log = logging.getLogger(__name__)


class LastTurns:
    """What is left undone is read again by the next agent."""

    def __init__(self, clock: Clock, settings: LoopSettings) -> None:
        self._clock = clock
        self._settings = settings

    def drain(
        self, pipeline: Pipeline, collect: Callable[[], None], *, until: Callable[[], bool]
    ) -> None:
        """Score what waits; *until* says when that has become of no use."""
        deadline = self._clock.monotonic() + self._settings.drain_seconds
        while len(pipeline) and not until():
            if self._clock.monotonic() > deadline:
                log.warning(
                    "%s records are left for the next agent",
                    len(pipeline),
                    extra=action("records_left", records=len(pipeline)),
                )
                return
            pipeline.start(everything=True)
            collect()

    def flush(
        self, flush: Callable[[], bool], counting: Counting, *, until: Callable[[], bool]
    ) -> None:
        """Write what is counted; *until* says that another agent has these events."""
        deadline = self._clock.monotonic() + self._settings.leave_seconds
        while not flush():
            if until():
                return
            if self._clock.monotonic() > deadline:
                log.error(
                    "leaving with %s events not in the database; the next agent reads them again",
                    counting.n_events,
                    extra=action("counts_left", events=counting.n_events),
                )
                return
            self._clock.sleep(self._settings.poll_seconds)
