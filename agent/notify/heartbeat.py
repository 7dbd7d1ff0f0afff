"""A dead man's switch: others are told that windows are judged, and notice when that ends."""

from __future__ import annotations

import logging

import httpx

from ..log import action
from ..ports import Clock
from .post import TIMEOUT_SECONDS, reason_of

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 60.0


class Heartbeat:
    """Asks an address while the monitor's turns succeed on this agent.

    Args:
        url: of a monitoring service that alarms when it is not asked for a while.
        max_age_seconds: a turn that succeeded longer ago than this does not count.
    """

    def __init__(self, url: str, clock: Clock, *, max_age_seconds: float) -> None:
        self._url = url
        self._clock = clock
        self._max_age_seconds = max_age_seconds
        self._judged_at: float | None = None

    def note_judged(self) -> None:
        """A turn of the monitor succeeded now."""
        self._judged_at = self._clock.monotonic()

    def beat(self) -> bool:
        """Ask the address if windows are judged in time; return whether it answered 2xx."""
        judged_at = self._judged_at
        if judged_at is None or self._clock.monotonic() - judged_at > self._max_age_seconds:
            return False
        try:
            with httpx.stream("GET", self._url, timeout=TIMEOUT_SECONDS) as answer:
                pass  # what it says does not matter, however long it is
        except httpx.HTTPError as error:
            return self._failed(reason_of(error))
        return answer.is_success or self._failed(f"it answered {answer.status_code}")

    def _failed(self, reason: str) -> bool:
        log.warning(
            "the heartbeat URL did not accept the heartbeat: %s",
            reason,
            extra=action("heartbeat_failed"),
        )
        return False
