"""When silence is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceSettings:
    """When silence is told.

    Attributes:
        stream: its name.
        detector: the version that alerts name.
        silence_after: no pause shorter than this is told.
        gone_after: a segment silent for so long is gone, and its alerts end.
    """

    stream: str
    detector: str
    silence_after: timedelta = timedelta(minutes=10)
    gone_after: timedelta = timedelta(days=3)

    @property
    def least_minutes(self) -> float:
        """`silence_after` in minutes."""
        return self.silence_after.total_seconds() / 60.0
