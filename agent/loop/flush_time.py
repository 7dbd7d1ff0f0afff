"""When to flush, and when to score what waits, so that the flush has it."""

from __future__ import annotations

_WEIGHT = 0.3
_MARGIN = 2.0
_LEAST_POLL_SECONDS = 0.05
"""A poll ends with the first record anyway; shorter ones would only keep a processor busy."""

_MOST = 0.25
"""Of the interval: so much of it at most is spent on batches that are not full."""


class FlushTime:
    """Follows how long a batch takes from its hand-over to its counts. The loop's thread owns it.

    An image that still waits for its batch to fill when a flush begins is in the database one interval
    later. So shortly before a flush batches need not be full.

    Args:
        interval_seconds: between two flushes.

    Example:
        >>> time = FlushTime(interval_seconds=0.5)
        >>> time.took(0.02)
        >>> time.is_near(since_flush=0.45), time.is_near(since_flush=0.47), time.is_due(since_flush=0.47)
        (False, True, False)
    """

    def __init__(self, *, interval_seconds: float) -> None:
        self._interval = interval_seconds
        self._batch_seconds = 0.0

    def took(self, seconds: float) -> None:
        """Note the time of one batch, from its hand-over to the scorer to its counts."""
        self._batch_seconds += (
            _WEIGHT * (seconds - self._batch_seconds) if self._batch_seconds else seconds
        )

    def is_due(self, *, since_flush: float) -> bool:
        """Return whether to flush now, so many seconds after the last one."""
        return since_flush >= self._interval

    def is_near(self, *, since_flush: float) -> bool:
        """Return whether what waits must be handed over now to be counted by the flush."""
        return since_flush >= self._interval - self._ahead_seconds

    def poll_seconds(self, *, since_flush: float) -> float:
        """Return how long the loop may wait for records: until a flush is near, and then until it is due."""
        until_due = self._interval - since_flush
        ahead = self._ahead_seconds
        return max(_LEAST_POLL_SECONDS, until_due - ahead if until_due > ahead else until_due)

    @property
    def _ahead_seconds(self) -> float:
        return min(_MARGIN * self._batch_seconds, _MOST * self._interval)
