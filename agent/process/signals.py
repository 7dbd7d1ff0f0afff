"""SIGTERM and SIGINT ask the agent to stop; it then drains, flushes and leaves."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

log = logging.getLogger(__name__)


@contextmanager
def stopping_on_signals(stop: threading.Event | None = None) -> Iterator[threading.Event]:
    """Give an event that SIGTERM or SIGINT sets; a second one does what it did before.

    Only the main thread may enter.
    """
    asked = stop or threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def ask(number: int, frame: FrameType | None) -> None:
        asked.set()
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in before:
        signal.signal(number, ask)
    try:
        yield asked
    finally:
        restore()
