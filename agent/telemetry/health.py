"""Is the loop turning (then leave it alone), and does it count events (then it is ready)?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..loop.status import DEPENDENCIES, LoopStatus
from ..ports import Clock

MAX_SILENCE_SECONDS = 120.0
"""A loop is stuck after so long without a turn: longer than slow batches and waits take."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether something holds, and the figures behind it."""

    holds: bool
    checks: dict[str, object]


class Health:
    """Judges the loop by its status alone: it asks neither the broker nor the database.

    Args:
        detector: the version that is loaded.
    """

    def __init__(
        self,
        status: Callable[[], LoopStatus],
        clock: Clock,
        *,
        detector: str,
        max_silence_seconds: float = MAX_SILENCE_SECONDS,
    ) -> None:
        self._status = status
        self._clock = clock
        self._detector = detector
        self._max_silence_seconds = max_silence_seconds

    def is_alive(self) -> Finding:
        """Return whether the loop turns; a supervisor should start the agent anew if not."""
        silence = self._clock.monotonic() - self._status().turned_at
        return Finding(
            silence <= self._max_silence_seconds,
            {
                "last_turn_seconds": round(silence, 3),
                "max_silence_seconds": self._max_silence_seconds,
            },
        )

    def is_ready(self) -> Finding:
        """Return whether events are being counted: partitions, a detector, a database."""
        status = self._status()
        checks: dict[str, object] = {
            "partitions": len(status.partitions),
            "detector": self._detector,
        }
        checks |= {name: name not in status.unavailable for name in DEPENDENCIES}
        return Finding(bool(status.partitions) and not status.unavailable, checks)
