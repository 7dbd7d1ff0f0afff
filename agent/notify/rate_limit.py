"""At most so many messages an hour: a token bucket that no clock setting moves."""

from __future__ import annotations

from ..ports import Clock

_HOUR_SECONDS = 3600.0


class RateLimit:
    """Lets *per_hour* messages pass at once, and then one each *1/per_hour* hours.

    It is kept in memory: after a restart the limit starts full.
    """

    def __init__(self, per_hour: int, clock: Clock) -> None:
        self._per_hour = per_hour
        self._clock = clock
        self._tokens = float(per_hour)
        self._filled_at = clock.monotonic()

    def allowed(self) -> int:
        """Return how many messages may be sent now."""
        now = self._clock.monotonic()
        gained = (now - self._filled_at) * self._per_hour / _HOUR_SECONDS
        self._tokens = min(float(self._per_hour), self._tokens + gained)
        self._filled_at = now
        return int(self._tokens)

    def take(self) -> None:
        """Note a message that was sent."""
        self._tokens -= 1
