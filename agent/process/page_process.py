"""`driftgauge serve` beside the agent, in a process of its own.

Making pages takes the interpreter for tens of milliseconds at a time: in the agent's own process, scoring and
probes would wait for it.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..log import action
from .child import dying_with

log = logging.getLogger(__name__)

_COMMAND = (sys.executable, "-m", "driftgauge.agent.command", "serve")
_LEAVE_SECONDS = 5.0
AGAIN_SECONDS = 30.0
"""A page server that ended is started again after so long."""


@contextmanager
def pages_beside(
    arguments: tuple[str, ...] = (), *, again_seconds: float = AGAIN_SECONDS
) -> Iterator[None]:
    """Serve pages during the block; the server reads the same settings as this process does."""
    stop = threading.Event()
    thread = threading.Thread(
        target=_keep_serving, args=(arguments, again_seconds, stop), name="pages"
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(2 * _LEAVE_SECONDS)


def _keep_serving(arguments: tuple[str, ...], again_seconds: float, stop: threading.Event) -> None:
    while not stop.is_set():
        process = subprocess.Popen(
            [*_COMMAND, *arguments],
            stdin=subprocess.DEVNULL,
            preexec_fn=dying_with(os.getpid(), signal_number=signal.SIGTERM),  # noqa: PLW1509
        )
        while process.poll() is None and not stop.wait(1.0):
            pass
        if stop.is_set():
            _end(process)
            return
        log.warning(
            "the page server ended with exit code %s and is started again in %s seconds; the agent "
            "goes on",
            *(process.returncode, round(again_seconds)),
            extra=action("pages_ended", code=process.returncode),
        )
        stop.wait(again_seconds)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_LEAVE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
