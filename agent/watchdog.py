"""Ends a process whose loop is stuck, so that a supervisor starts it anew.

The Kafka client can hang without limit when its own thread dies.
"""

from __future__ import annotations

import logging
import os

from .clock import SystemClock
from .loop import AgentLoop

log = logging.getLogger(__name__)

EXIT_CODE = 70
"""EX_SOFTWARE of sysexits.h."""


class Watchdog:
    """Checks that the loop still turns.

    Args:
        loop: to watch.
        patience_seconds: the longest turn that is still healthy.
    """

    def __init__(self, loop: AgentLoop, *, patience_seconds: float = 300.0) -> None:
        self._loop = loop
        self._patience_seconds = patience_seconds
        self._clock = SystemClock()

    def is_stuck(self) -> bool:
        """Return whether the loop's last turn began too long ago."""
        return self._clock.monotonic() - self._loop.turned_at > self._patience_seconds

    def check(self) -> None:
        """End the process at once if the loop is stuck; nothing counted is lost by that."""
        if self.is_stuck():
            log.critical(
                "the loop has not turned for %.0f s, ending so that a supervisor starts it anew; "
                "events that were not flushed are read again",
                self._patience_seconds,
            )
            logging.shutdown()
            os._exit(EXIT_CODE)
