"""How long to wait before another attempt: longer each time, and spread by chance over agents."""

from __future__ import annotations

import random
from collections.abc import Callable

from ..ports import Clock


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


class Backoff:
    """When to try again: after *first_seconds*, then about twice as long each time.

    Args:
        max_seconds: the longest delay.
        chance: in [0, 1); spreads the delays of agents that fail together.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        first_seconds: float = 0.5,
        max_seconds: float = 30.0,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._clock = clock
        self._first_seconds = first_seconds
        self._max_seconds = max_seconds
        self._chance = chance
        self._n_failures = 0
        self._until = 0.0

    @property
    def is_failing(self) -> bool:
        """Whether the last attempt failed."""
        return self._n_failures > 0

    @property
    def is_waiting(self) -> bool:
        """Whether it is too early to try again."""
        return self.is_failing and self._clock.monotonic() < self._until

    def fail(self) -> float:
        """Note a failure and return the seconds until the next attempt."""
        delay = spread_delay(
            self._n_failures,
            first_seconds=self._first_seconds,
            max_seconds=self._max_seconds,
            chance=self._chance,
        )
        self._n_failures += 1
        self._until = self._clock.monotonic() + delay
        return delay

    def succeed(self) -> None:
        """Note that it works (again)."""
        self._n_failures = 0
