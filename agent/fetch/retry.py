"""Tries again what may pass: with waits that grow, and that chance spreads over many callers.

Ours, since it is ten lines: a library would bring a state machine of its own, and would have to be told
which errors are retryable, which ours say of themselves.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from ...errors import DriftgaugeError

_Found = TypeVar("_Found")


def spread_delay(
    number: int,
    *,
    first_seconds: float = 0.2,
    max_seconds: float = 30.0,
    chance: Callable[[], float] = random.random,
) -> float:
    """Return the seconds to wait after failure *number*, counted from 0.

    Twice as long each time, and by chance from half of that to all of it, so that agents that lost
    the same server together do not all come back at once.

    >>> [spread_delay(number, chance=lambda: 0.0) for number in (0, 1, 2, 99)]
    [0.2, 0.4, 0.8, 30.0]
    """
    longest = min(max_seconds, first_seconds * 2.0 ** min(number, 60))
    return longest * (1 - chance() / 2)


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
