"""When to try again."""

from __future__ import annotations

from ..ports import Clock


class Backoff:
    """When to try again: after *first_seconds*, then twice as long each time, up to *max_seconds*."""

    def __init__(
        self, clock: Clock, *, first_seconds: float = 0.5, max_seconds: float = 30.0
    ) -> None:
        self._clock = clock
        self._first_seconds = first_seconds
        self._max_seconds = max_seconds
        self._delay = 0.0
        self._until = 0.0

    @property
    def is_failing(self) -> bool:
        """Whether the last attempt failed."""
        return self._delay > 0

    @property
    def is_waiting(self) -> bool:
        """Whether it is too early to try again."""
        return self.is_failing and self._clock.monotonic() < self._until

    def fail(self) -> float:
        """Note a failure and return the seconds until the next attempt."""
        self._delay = min(max(2 * self._delay, self._first_seconds), self._max_seconds)
        self._until = self._clock.monotonic() + self._delay
        return self._delay

    def succeed(self) -> None:
        """Note that it works (again)."""
        self._delay = 0.0
