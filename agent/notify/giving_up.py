"""How long after a failure the next attempt follows, and when there is none any more."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from driftgauge.storage import NotificationAttempts

from ..retry.backoff import spread_delay

next_delay = partial(spread_delay, first_seconds=5.0, max_seconds=600.0)

_ENOUGH_ATTEMPTS = 12
"""Take an hour at the longest delays: a clock set ahead gives nothing up before."""


def is_over(tried: NotificationAttempts, give_up: timedelta) -> bool:
    """Return whether a notification is given up.

    Both must hold: it waits for *give_up* by the database's clock, which may be set ahead, and was
    tried as often as fits into that, or for an hour; an agent that restarts tries more often.
    """
    enough = min(_ENOUGH_ATTEMPTS, attempts_within(give_up.total_seconds()))
    return tried.age >= give_up and tried.attempts >= enough


def longest_delay(attempts: int) -> float:
    """Return the longest delay after so many attempts, in seconds.

    >>> [longest_delay(n) for n in (1, 2, 3, 20)]
    [5.0, 10.0, 20.0, 600.0]
    """
    return next_delay(attempts - 1, chance=lambda: 0.0)


def attempts_within(seconds: float) -> int:
    """Return how many attempts fit in *seconds*, at the longest delays.

    >>> attempts_within(20), attempts_within(86_400)
    (3, 150)
    """
    n, total = 1, 0.0
    while (total := total + longest_delay(n)) <= seconds:
        n += 1
    return n
