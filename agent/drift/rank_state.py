"""What the monitor remembers of one (segment, layer)'s ranks between windows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .conformal import EXPONENTS, N_STATISTICS, BlockRanks, Counts, rank_evidence
from .design_effect import Array

LAG_WINDOWS = 16
"""A window counts as a quiet one of the past when so many more have brought no alarm."""


@dataclass(slots=True)
class RankMemory:
    """Evidence from whole windows.

    Attributes:
        log_evidence: of each bet, ``-inf`` at first.
        starts: second (since 1970) at which each bet's evidence began to grow.
        seen: ``(4, reference blocks + 1)``: where quiet blocks of live traffic fell.
        waiting: gaps of the newest blocks, and in how many windows each may count as quiet.
        held: counts of windows that are not a block yet.
        n_held: how many windows these are.
        held_from: second of the first of them.
    """

    log_evidence: Array
    starts: NDArray[np.int64]
    seen: NDArray[np.int64]
    waiting: list[tuple[int, list[int]]]
    held: Counts
    n_held: int = 0
    held_from: int = 0

    @classmethod
    def fresh(cls, ranks: BlockRanks) -> RankMemory:
        """Return a memory without evidence."""
        n_bets = N_STATISTICS * len(EXPONENTS)
        return cls(
            log_evidence=np.full(n_bets, -np.inf),
            starts=np.zeros(n_bets, dtype=np.int64),
            seen=np.zeros((N_STATISTICS, ranks.n_blocks + 1), dtype=np.int64),
            waiting=[],
            held=np.zeros(len(ranks.masses), dtype=np.int64),
        )

    def renewed(self) -> RankMemory:
        """Return a memory without evidence that still knows the quiet past."""
        return RankMemory(
            log_evidence=np.full_like(self.log_evidence, -np.inf),
            starts=np.zeros_like(self.starts),
            seen=self.seen,
            waiting=[],
            held=np.zeros_like(self.held),
        )

    def add(
        self, ranks: BlockRanks, counts: Counts, second: int, *, column: int, is_quiet: bool
    ) -> None:
        """Take in one window.

        Args:
            second: of the window's start; the ties' random numbers follow from it and *column*,
                so that whoever judges the window gets the same.
            is_quiet: whether it may count as normal later.
        """
        self.held_from = second if self.n_held == 0 else self.held_from
        self.held = self.held + counts
        self.n_held += 1
        self._count_quiet()
        if self.held.sum() < ranks.least_events:
            return
        uniforms = np.random.default_rng((second, column)).random((2, N_STATISTICS))
        gaps = ranks.gaps(self.held, uniforms[0])
        gain = rank_evidence(gaps, self.seen, uniforms[1])
        self.starts = np.where(self.log_evidence <= 0.0, self.held_from, self.starts)
        self.log_evidence = np.logaddexp(math.log(self.n_held), self.log_evidence) + gain
        if is_quiet:
            self.waiting.append((LAG_WINDOWS, gaps.tolist()))
        self.held, self.n_held = np.zeros_like(self.held), 0

    def _count_quiet(self) -> None:
        self.waiting = [(left - 1, gaps) for left, gaps in self.waiting]
        while self.waiting and self.waiting[0][0] <= 0:
            _, gaps = self.waiting.pop(0)
            self.seen[np.arange(N_STATISTICS), gaps] += 1

    def fits(self, ranks: BlockRanks) -> bool:
        """Return whether this memory belongs to *ranks* of the same shape."""
        return int(self.seen.shape[1]) == ranks.n_blocks + 1

    def dump(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {
            "log_evidence": [
                float(value) if np.isfinite(value) else None for value in self.log_evidence
            ],
            "starts": self.starts.tolist(),
            "seen": self.seen.tolist(),
            "waiting": self.waiting,
            "held": self.held.tolist(),
            "n_held": self.n_held,
            "held_from": self.held_from,
        }

    @classmethod
    def load(cls, values: dict[str, Any]) -> RankMemory:
        """Return what `dump` wrote."""
        return cls(
            log_evidence=np.array(
                [-np.inf if value is None else value for value in values["log_evidence"]]
            ),
            starts=np.array(values["starts"], dtype=np.int64),
            seen=np.array(values["seen"], dtype=np.int64),
            waiting=[(int(left), list(gaps)) for left, gaps in values["waiting"]],
            held=np.array(values["held"], dtype=np.int64),
            n_held=int(values["n_held"]),
            held_from=int(values["held_from"]),
        )
