"""Tries again what may pass: with waits that grow, and that chance spreads over many callers.

Ours, since it is ten lines: a library would bring a state machine of its own, and would have to be told
which errors are retryable, which ours say of themselves.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from ...errors import DriftgaugeError
from .backoff import spread_delay

_Found = TypeVar("_Found")


def try_again(
    call: Callable[[], _Found], *, tries: int, wait: Callable[[float], object] = time.sleep
) -> _Found:
    """Return what *call* does, and try again while it raises a retryable error.

    Args:
        tries: in all, at least 1.
        wait: returns after some seconds.

    Raises:
        DriftgaugeError: one that is not retryable, or the last one.
    """
    for number in range(tries - 1):
        try:
            return call()
        except DriftgaugeError as error:
            if not error.retryable:
                raise
        wait(spread_delay(number))
    return call()
