"""What the loop tells whoever measures it."""

from __future__ import annotations

from typing import Literal

from ..ports import Scored

FlushOutcome = Literal["written", "empty", "stale", "failed"]


class Meter:
    """Listens to nothing. The loop's thread calls it; what overrides it must be quick and not raise.

    Counts here only grow: what is dropped and read again is consumed and scored again.
    """

    def consumed(self, n_records: int) -> None:
        """Records were taken from Kafka."""

    def sampled_out(self, n_records: int) -> None:
        """Records were left out by sampling under lag."""

    def dead_lettered(self, error: str) -> None:
        """A record goes to the dead letters; *error* is the name of its class."""

    def scored(self, scored: Scored) -> None:
        """A batch was scored and counted in memory."""

    def dropped(self, n_events: int) -> None:
        """Counted events were dropped before a flush; whoever owns them reads them again."""

    def flushed(self, outcome: FlushOutcome, seconds: float) -> None:
        """A flush ended; *empty* had nothing to write."""
