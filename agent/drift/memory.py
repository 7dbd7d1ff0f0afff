"""What the monitor remembers of one segment between windows; plain values that JSON can hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .betting import Array, Counts, SegmentBets, advance, log_mean

Bets = tuple[SegmentBets, ...]
"""One a column: the layers, then the combined p-value."""


@dataclass(slots=True)
class SegmentState:
    """Evidence against one segment's normal.

    Attributes:
        log_evidence: a column's bets, ``-inf`` at first.
        starts: of each column's bets, the second (since 1970) at which its evidence began to
            grow: its last window before which the bet had won nothing.
        quiet: quiet windows in a row, while an alert lives.
    """

    log_evidence: list[Array]
    starts: list[NDArray[np.int64]]
    quiet: int = 0

    @classmethod
    def fresh(cls, bets: Bets) -> SegmentState:
        """Return a memory without evidence."""
        sizes = [len(column.log_gain) for column in bets]
        return cls(
            log_evidence=[np.full(size, -np.inf) for size in sizes],
            starts=[np.zeros(size, dtype=np.int64) for size in sizes],
        )

    def add(self, bets: Bets, counts: Counts, window_start: datetime) -> float:
        """Take in one window; return the segment's log statistic, the mean over all bets."""
        second = int(window_start.timestamp())
        for number, column in enumerate(bets):
            before = self.log_evidence[number]
            self.starts[number] = np.where(before <= 0.0, second, self.starts[number])
            self.log_evidence[number] = advance(before, column.log_evidence(counts[number]))
        statistics = [log_mean(column) for column in self.log_evidence if len(column)]
        return log_mean(np.array(statistics))

    @property
    def since(self) -> datetime:
        """When the evidence of the strongest bet began to grow: an estimate of the change."""
        column = int(np.argmax([evidence.max(initial=-np.inf) for evidence in self.log_evidence]))
        second = self.starts[column][int(self.log_evidence[column].argmax())]
        return datetime.fromtimestamp(int(second), UTC)

    def fits(self, bets: Bets) -> bool:
        """Return whether this memory belongs to *bets* of the same shapes."""
        return [len(column) for column in self.log_evidence] == [len(b.log_gain) for b in bets]

    def dump(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {
            "log_evidence": [
                [float(value) if np.isfinite(value) else None for value in column]
                for column in self.log_evidence
            ],
            "starts": [column.tolist() for column in self.starts],
            "quiet": self.quiet,
        }

    @classmethod
    def load(cls, values: dict[str, Any]) -> SegmentState:
        """Return what `dump` wrote."""
        return cls(
            log_evidence=[
                np.array([-np.inf if value is None else value for value in column])
                for column in values["log_evidence"]
            ],
            starts=[np.array(column, dtype=np.int64) for column in values["starts"]],
            quiet=int(values["quiet"]),
        )
