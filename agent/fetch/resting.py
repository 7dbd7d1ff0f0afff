"""Places that were away for all tries, and are tried once only for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Resting:
    """Keeps an outage from holding every decoding thread for all tries of each event. Thread-safe.

    Args:
        seconds: how long a place that was away is tried once only.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._until: dict[str, float] = {}
        self._lock = threading.Lock()

    def tries(self, place: str, tries: int) -> int:
        """Return how often to try *place*, where it would be *tries* times."""
        return 1 if self._until.get(place, 0.0) > self._clock() else tries

    def note(self, place: str, *, is_away: bool) -> None:
        """Note that *place* was away for all tries, or that it answered."""
        with self._lock:  # places are few: the settings name them
            if is_away:
                self._until[place] = self._clock() + self._seconds
            else:
                self._until.pop(place, None)
