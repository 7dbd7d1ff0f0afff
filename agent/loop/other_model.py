"""Tap vectors that another model sent than the one that the active detector was fitted for."""

from __future__ import annotations

from dataclasses import dataclass

QUIET_SECONDS = 60.0
"""So long none must have come, while others were scored, until it is over."""


@dataclass(frozen=True, slots=True)
class OtherModel:
    """What was sent, and passed over.

    Attributes:
        why: how the last of it differs from what the detector scores, and what to do, in words.
        n_events: how many events so far.
        seen_at: monotonic time of the last one.
        n_scored: events that were scored until then.
    """

    why: str
    n_events: int
    seen_at: float
    n_scored: int

    def is_all(self, n_scored: int) -> bool:
        """Return whether nothing was scored since, with *n_scored* events scored by now."""
        return n_scored == self.n_scored

    def is_over(self, n_scored: int, now: float) -> bool:
        """Return whether others were scored since, and none came for a while, at monotonic *now*."""
        return not self.is_all(n_scored) and now - self.seen_at >= QUIET_SECONDS
