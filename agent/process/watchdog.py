"""Ends a process whose loop is stuck, so that its supervisor starts another.

kafka-python's calls can hang without limit when its own thread is wedged, and nothing inside the
loop can notice that.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from types import TracebackType

from ..log import action
from ..ports import Clock

log = logging.getLogger(__name__)

EXIT_CODE = 70


def _end_process() -> None:
    os._exit(EXIT_CODE)  # not sys.exit: what would run then may hang, too


class Watchdog:
    """Checks from a thread of its own when the loop last made progress; as a context manager, too.

    Args:
        turned_at: returns the monotonic time at which the loop last made progress.
        max_silence_seconds: longer than the slowest batch and the longest wait for the database.
        end: what to do when it is exceeded.
    """

    def __init__(
        self,
        turned_at: Callable[[], float],
        clock: Clock,
        *,
        max_silence_seconds: float = 300.0,
        end: Callable[[], None] = _end_process,
    ) -> None:
        self._turned_at = turned_at
        self._clock = clock
        self._max_silence_seconds = max_silence_seconds
        self._end = end
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> Watchdog:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start checking."""
        self._thread.start()

    def stop(self) -> None:
        """Stop checking."""
        self._done.set()
        self._thread.join()

    def look(self) -> bool:
        """End the process if the loop is silent for too long; return whether it did."""
        silent = self._clock.monotonic() - self._turned_at()
        if silent <= self._max_silence_seconds:
            return False
        log.critical(
            "the loop is stuck: it made no progress for %.0f s; ending with exit code 70, so that the "
            "supervisor starts the agent again",
            silent,
            extra=action("loop_stuck", seconds=silent),
        )
        self._end()
        return True

    def _watch(self) -> None:
        while not self._done.wait(min(5.0, self._max_silence_seconds / 4)):
            if self.look():
                return
