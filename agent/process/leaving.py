"""Limits the time of a shutdown, whatever hangs."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from types import TracebackType

from ..log import action
from .watchdog import EXIT_CODE

log = logging.getLogger(__name__)

LEAVE_SECONDS = 40.0
"""Less than the 45 s that supervisors should wait; each shutdown step has a shorter limit of its own."""


def _end_process() -> None:
    for handler in logging.getLogger().handlers:
        handler.flush()
    os._exit(EXIT_CODE)  # not sys.exit: what would run then may hang, too


class LeaveDeadline:
    """Ends a process that was asked to stop and has not left in time; a context manager.

    Nothing is lost: what was not flushed is read again by the next agent.

    Args:
        stop: set when the process is to leave.
        seconds: from then on.
        end: what to do when they are over.
    """

    def __init__(
        self,
        stop: threading.Event,
        *,
        seconds: float = LEAVE_SECONDS,
        end: Callable[[], None] = _end_process,
    ) -> None:
        self._stop = stop
        self._seconds = seconds
        self._end = end
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="leave-deadline", daemon=True)

    def __enter__(self) -> LeaveDeadline:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._stop.set()  # else the thread would wait for it
        self._thread.join()

    def _watch(self) -> None:
        self._stop.wait()
        if self._done.wait(self._seconds):
            return
        where, others = _where_main_is(), _other_threads()
        log.critical(
            "asked to stop %.0f s ago and still running; ending the process: the main thread is in %s, "
            "and the running threads are %s",
            *(self._seconds, where, ", ".join(others) or "of nobody"),
            extra=action("leave_stuck", seconds=self._seconds, where=where, threads=others),
        )
        self._end()


def _where_main_is() -> str:
    """Return the innermost function of ours that the main thread is in."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)  # noqa: SLF001 - no other way
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith("driftgauge"):
            return f"{module}.{frame.f_code.co_qualname}"
        frame = frame.f_back
    return "no code of driftgauge"


def _other_threads() -> list[str]:
    """Return the names of all threads but the main one and the caller's."""
    apart = {threading.main_thread(), threading.current_thread()}
    return sorted(thread.name for thread in threading.enumerate() if thread not in apart)
