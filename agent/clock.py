"""Time: the real one, and one that moves only when told."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class SystemClock:
    """The machine's clock; safe in every thread."""

    def now(self) -> datetime:
        """Return the aware UTC wall clock."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class ManualClock:
    """A clock that moves only when it is told to, so that tests need not wait.

    >>> clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    >>> clock.sleep(90)
    >>> clock.now()
    datetime.datetime(2026, 1, 1, 0, 1, 30, tzinfo=datetime.timezone.utc)
    """

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._monotonic = 0.0

    def now(self) -> datetime:
        """Return the time it was last moved to."""
        return self._now

    def monotonic(self) -> float:
        """Return how many seconds it was moved in all."""
        return self._monotonic

    def set_wall(self, now: datetime) -> None:
        """Set the wall clock, as a person or a time server does; monotonic time continues."""
        self._now = now

    def sleep(self, seconds: float) -> None:
        """Move on by *seconds* at once."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds
