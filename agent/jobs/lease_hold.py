"""A lease that is kept while long work goes on."""

from __future__ import annotations

from collections.abc import Callable

from ..ports import Clock

RENEWALS = 3
"""Of a lease in its time, so that one that is late does not lose it."""


class LeaseHold:
    """Renews a lease that was just taken, when a third of its time has passed.

    Args:
        renew: takes the lease again; returns whether it is still ours.
        clock: of this process: only the time between two renewals is measured by it.
        ttl_seconds: of the lease.
    """

    def __init__(self, renew: Callable[[], bool], clock: Clock, *, ttl_seconds: float) -> None:
        self._renew = renew
        self._clock = clock
        self._every_seconds = ttl_seconds / RENEWALS
        self._renewed = clock.monotonic()

    def is_ours(self) -> bool:
        """Return whether the lease is held; ask as often as you like."""
        if self._clock.monotonic() - self._renewed < self._every_seconds:
            return True
        self._renewed = self._clock.monotonic()
        return self._renew()
