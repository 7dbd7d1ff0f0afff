"""How long a batch waits to fill: as long as the next images are expected, and no longer."""

from __future__ import annotations

import math

from ..ports import Clock

_MEMORY_SECONDS = 5.0


class Pace:
    """Follows the rate at which records arrive. The loop's thread owns it.

    At a low rate waiting would gain nothing, so a batch goes immediately; at a high rate it goes when it
    is full, or when the time in which it should have filled is over.

    Args:
        max_images: of one batch.
        max_delay_seconds: the longest wait.

    Example:
        >>> from datetime import UTC, datetime
        >>> from driftgauge.agent.clock import ManualClock
        >>> clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
        >>> pace = Pace(clock, max_images=16, max_delay_seconds=0.5)
        >>> pace.arrive(1)
        >>> pace.delay_seconds
        0.0
        >>> for _ in range(300):
        ...     clock.sleep(0.1)
        ...     pace.arrive(10)
        >>> round(pace.per_second), round(pace.delay_seconds, 2)
        (101, 0.16)
    """

    def __init__(self, clock: Clock, *, max_images: int, max_delay_seconds: float) -> None:
        self._clock = clock
        self._max_images = max_images
        self._max_delay_seconds = max_delay_seconds
        self._rate = 0.0
        self._at = clock.monotonic()

    def arrive(self, n: int) -> None:
        """Note *n* records."""
        now = self._clock.monotonic()
        self._rate = self._faded(now) + n / _MEMORY_SECONDS
        self._at = now

    @property
    def per_second(self) -> float:
        """Records a second, over the last seconds; begins at 0."""
        return self._faded(self._clock.monotonic())

    @property
    def delay_seconds(self) -> float:
        """How long the first image of a batch should wait for others."""
        rate = self.per_second
        if rate * self._max_delay_seconds < 1:
            return 0.0
        return min(self._max_delay_seconds, self._max_images / rate)

    def _faded(self, now: float) -> float:
        return self._rate * math.exp((self._at - now) / _MEMORY_SECONDS)
