"""Threads for work that may hang: they end with the process, and every wait for them has a limit."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Workers:
    """A pool like `concurrent.futures.ThreadPoolExecutor`, whose threads the interpreter never joins.

    That one waits at exit for whatever its threads are at, so that a fetch or a job that hangs
    would keep the process from leaving.

    Args:
        n_threads: at least one.
        name: of the threads, for those who look at the process.
    """

    def __init__(self, n_threads: int, name: str) -> None:
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}-{number}", daemon=True)
            for number in range(n_threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, work: Callable[..., T], *args: Any) -> Future[T]:
        """Queue a call; its future can be cancelled until it begins."""
        found: Future[T] = Future()

        def call() -> None:
            if not found.set_running_or_notify_cancel():
                return
            try:
                found.set_result(work(*args))
            except BaseException as error:
                found.set_exception(error)

        self._work.put(call)
        return found

    def close(self, timeout_seconds: float) -> int:
        """End the threads after what they are at; return how many have not ended in time.

        What is queued and was not cancelled is done before.
        """
        for _ in self._threads:
            self._work.put(None)
        deadline = time.monotonic() + timeout_seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return sum(thread.is_alive() for thread in self._threads)

    def _run(self) -> None:
        while (call := self._work.get()) is not None:
            call()
