"""What the monitor remembers of one segment between windows; plain values that JSON can hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .betting import advance, log_mean
from .conformal import Counts
from .design_effect import Array
from .normal import Normal
from .rank_state import RankMemory


@dataclass(slots=True)
class SegmentState:
    """Evidence against one segment's normal.

    Attributes:
        log_evidence: a column's bets on events, ``-inf`` at first.
        starts: of each column's bets, the second (since 1970) at which its evidence began to
            grow: its last window before which the bet had won nothing.
        ranks: a column's evidence from whole windows, None where it has none.
        quiet: quiet windows in a row, while an alert lives.
    """

    log_evidence: list[Array]
    starts: list[NDArray[np.int64]]
    ranks: list[RankMemory | None]
    quiet: int = 0

    @classmethod
    def fresh(cls, normal: Normal) -> SegmentState:
        """Return a memory without evidence."""
        sizes = [len(column.log_gain) for column in normal.bets]
        return cls(
            log_evidence=[np.full(size, -np.inf) for size in sizes],
            starts=[np.zeros(size, dtype=np.int64) for size in sizes],
            ranks=[RankMemory.fresh(column) if column else None for column in normal.ranks],
        )

    def renewed(self) -> SegmentState:
        """Return a memory without evidence that still knows the quiet past."""
        return SegmentState(
            log_evidence=[np.full_like(column, -np.inf) for column in self.log_evidence],
            starts=[np.zeros_like(column) for column in self.starts],
            ranks=[column and column.renewed() for column in self.ranks],
        )

    def add(
        self, normal: Normal, counts: Counts, window_start: datetime, *, is_quiet: bool = True
    ) -> float:
        """Take in one window; return the segment's log statistic.

        Args:
            normal: of the segment.
            counts: ``(columns, bins)``.
            window_start: when the window begins.
            is_quiet: whether the window may count as normal later: not while an alert lives.

        Returns:
            Logarithm of the mean over the bets on events and the bets on whole windows, each
            the mean over columns.
        """
        second = int(window_start.timestamp())
        for number, bets in enumerate(normal.bets):
            before = self.log_evidence[number]
            self.starts[number] = np.where(before <= 0.0, second, self.starts[number])
            self.log_evidence[number] = advance(before, bets.log_evidence(counts[number]))
        for number, (memory, ranks) in enumerate(zip(self.ranks, normal.ranks, strict=True)):
            if memory is not None and ranks is not None:
                memory.add(ranks, counts[number], second, column=number, is_quiet=is_quiet)
        events = [log_mean(column) for column in self.log_evidence if len(column)]
        windows = [log_mean(column.log_evidence) for column in self.ranks if column is not None]
        levels = [log_mean(np.array(level)) for level in (events, windows) if level]
        return log_mean(np.array(levels))

    @property
    def since(self) -> datetime:
        """When the evidence of the strongest bet began to grow: an estimate of the change."""
        found = [*zip(self.log_evidence, self.starts, strict=True)]
        found += [(column.log_evidence, column.starts) for column in self.ranks if column]
        evidence, starts = max(found, key=lambda pair: float(pair[0].max(initial=-np.inf)))
        return datetime.fromtimestamp(int(starts[int(evidence.argmax())]), UTC)

    def fits(self, normal: Normal) -> bool:
        """Return whether this memory belongs to *normal*, by its shape."""
        if len(self.log_evidence) != len(normal.bets) or len(self.ranks) != len(normal.ranks):
            return False
        bets = zip(self.log_evidence, normal.bets, strict=True)
        ranks = zip(self.ranks, normal.ranks, strict=True)
        return all(len(evidence) == len(column.log_gain) for evidence, column in bets) and all(
            (column is None) == (memory is None)
            and (column is None or memory is None or memory.fits(column))
            for memory, column in ranks
        )

    def dump(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {
            "log_evidence": [
                [float(value) if np.isfinite(value) else None for value in column]
                for column in self.log_evidence
            ],
            "starts": [column.tolist() for column in self.starts],
            "ranks": [column and column.dump() for column in self.ranks],
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
            ranks=[column and RankMemory.load(column) for column in values.get("ranks", [])],
            quiet=int(values["quiet"]),
        )
