"""Liveness: does the loop make progress? Readiness: does it count events?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..loop.status import DEPENDENCIES, LoopStatus
from ..ports import Clock

MAX_SILENCE_SECONDS = 120.0
"""A loop that makes no progress for so long is stuck: slow batches and waits take less."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether something holds, and the figures behind it."""

    holds: bool
    checks: dict[str, object]


class Health:
    """Judges the loop by its status alone: it asks neither the broker nor the database.

    Args:
        problem: why the agent does not score with the active detector; None where it does.
    """

    def __init__(
        self,
        status: Callable[[], LoopStatus],
        clock: Clock,
        *,
        problem: Callable[[], str | None] = lambda: None,
        max_silence_seconds: float = MAX_SILENCE_SECONDS,
    ) -> None:
        self._status = status
        self._clock = clock
        self._problem = problem
        self._max_silence_seconds = max_silence_seconds

    def is_alive(self) -> Finding:
        """Return whether the loop makes progress; if not, a supervisor should restart the agent."""
        silence = self._clock.monotonic() - self._status().turned_at
        return Finding(
            silence <= self._max_silence_seconds,
            {
                "last_turn_seconds": round(silence, 3),
                "max_silence_seconds": self._max_silence_seconds,
            },
        )

    def is_ready(self) -> Finding:
        """Return whether events can be counted: partitions are assigned, and all it needs answers."""
        status = self._status()
        checks: dict[str, object] = {
            "partitions": len(status.partitions),
            "detector": status.detector,
        }
        if (problem := self._problem()) is not None:  # it scores on, with the one before
            checks["detector_problem"] = problem
        checks |= {name: name not in status.unavailable for name in DEPENDENCIES}
        return Finding(bool(status.partitions) and not status.unavailable, checks)
