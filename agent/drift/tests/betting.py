"""``betting``: bets on single events, an e-detector with a false-alarm guarantee (docs/method.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bets import SegmentBets
from ..design_effect import Array
from ..drift_test import JudgedWindow
from ..log_evidence import advance, from_json, log_mean, to_json
from ..reference_windows import ReferenceWindows


@dataclass(frozen=True, slots=True)
class BettingTest:
    """Bets against one segment's baseline, one set a column."""

    columns: tuple[SegmentBets, ...]

    @classmethod
    def build(cls, reference: ReferenceWindows) -> BettingTest | None:
        """Build it; None where no column's reference can tell two bins apart."""
        bets = reference.bets
        return cls(bets) if any(len(column.log_gain) for column in bets) else None

    def start(self) -> BetEvidence:
        """Return evidence of no window yet."""
        sizes = [len(column.log_gain) for column in self.columns]
        return BetEvidence(
            self.columns,
            [np.full(size, -np.inf) for size in sizes],
            [np.zeros(size, dtype=np.int64) for size in sizes],
        )

    def resume(self, kept: dict[str, Any]) -> BetEvidence | None:
        """Return what `BetEvidence.dump` gave, None if it has other bets."""
        evidence = [from_json(column) for column in kept["log_evidence"]]
        starts = [np.array(column, dtype=np.int64) for column in kept["starts"]]
        sizes = [len(column.log_gain) for column in self.columns]
        if [len(column) for column in evidence] != sizes:
            return None
        return BetEvidence(self.columns, evidence, starts)


@dataclass(slots=True)
class BetEvidence:
    """What the bets have won.

    Attributes:
        columns: the bets.
        log_evidence: a column's bets, ``-inf`` at first.
        starts: of each column's bets, the second (since 1970) at which its evidence began to grow:
            its last window before which the bet had won nothing.
    """

    columns: tuple[SegmentBets, ...]
    log_evidence: list[Array]
    starts: list[NDArray[np.int64]]

    def add(self, window: JudgedWindow) -> float:
        """Take in one window; return the log of the mean over columns of their bets' mean."""
        for number, bets in enumerate(self.columns):
            before = self.log_evidence[number]
            self.starts[number] = np.where(before <= 0.0, window.second, self.starts[number])
            gain = bets.log_evidence(window.counts[number])
            self.log_evidence[number] = advance(before, gain, window.log_weight)
        return log_mean([log_mean(column) for column in self.log_evidence if len(column)])

    @property
    def strongest(self) -> tuple[float, int]:
        """Log evidence of the strongest bet, and the second at which it began to grow."""
        pairs = zip(self.log_evidence, self.starts, strict=True)
        evidence, starts = max(pairs, key=lambda pair: float(pair[0].max(initial=-np.inf)))
        best = int(evidence.argmax())
        return float(evidence[best]), int(starts[best])

    def restarted(self) -> BetEvidence:
        """Return the same bets without evidence."""
        return BettingTest(self.columns).start()

    def dump(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {
            "log_evidence": [to_json(column) for column in self.log_evidence],
            "starts": [column.tolist() for column in self.starts],
        }
