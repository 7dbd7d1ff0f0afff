"""``conformal``: whole windows ranked among those of the reference (docs/method.md).

It complements `betting` and shares its alert: the mean of both is compared with the threshold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..block_ranks import EXPONENTS, N_STATISTICS, BlockRanks, build_ranks, rank_evidence
from ..design_effect import Array, Counts
from ..drift_test import JudgedWindow
from ..log_evidence import advance, from_json, log_mean, to_json
from ..reference_windows import ReferenceWindows

LAG_WINDOWS = 16
"""A window counts as a quiet one of the past when so many more have brought no alarm."""


@dataclass(frozen=True, slots=True)
class ConformalTest:
    """A segment's reference blocks, by column; None where a column has too few."""

    columns: tuple[BlockRanks | None, ...]

    @classmethod
    def build(cls, reference: ReferenceWindows) -> ConformalTest | None:
        """Build it; None where no column's reference has enough blocks."""
        windows = reference.windows
        columns = tuple(build_ranks(windows[:, n]) for n in range(reference.n_columns))
        return cls(columns) if any(columns) else None

    def start(self) -> ConformalEvidence:
        """Return evidence of no window yet."""
        fresh = [RankMemory.fresh(column) if column else None for column in self.columns]
        return ConformalEvidence(self.columns, fresh)

    def resume(self, kept: dict[str, Any]) -> ConformalEvidence | None:
        """Return what `ConformalEvidence.dump` gave, None if it is of other blocks."""
        memories = [values and RankMemory.load(values) for values in kept["columns"]]
        if len(memories) != len(self.columns):
            return None
        pairs = zip(memories, self.columns, strict=True)
        fits = all(
            memory.fits(ranks) if memory and ranks else memory is ranks for memory, ranks in pairs
        )
        return ConformalEvidence(self.columns, memories) if fits else None


@dataclass(slots=True)
class ConformalEvidence:
    """What whole windows have shown, by column; None where there is no test."""

    columns: tuple[BlockRanks | None, ...]
    memories: list[RankMemory | None]

    def add(self, window: JudgedWindow) -> float:
        """Take in one window; return the log of the mean over columns of their bets' mean."""
        for number, (ranks, memory) in enumerate(zip(self.columns, self.memories, strict=True)):
            if ranks is not None and memory is not None:
                memory.add(ranks, window, column=number)
        return log_mean([log_mean(memory.log_evidence) for memory in self.memories if memory])

    @property
    def strongest(self) -> tuple[float, int]:
        """Log evidence of the strongest bet, and the second at which it began to grow."""
        tested = [memory for memory in self.memories if memory]
        memory = max(tested, key=lambda memory: float(memory.log_evidence.max()))
        best = int(memory.log_evidence.argmax())
        return float(memory.log_evidence[best]), int(memory.starts[best])

    def restarted(self) -> ConformalEvidence:
        """Return it without evidence; it still knows the quiet past."""
        memories = [memory and memory.restarted() for memory in self.memories]
        return ConformalEvidence(self.columns, memories)

    def dump(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {"columns": [memory and memory.dump() for memory in self.memories]}


@dataclass(slots=True)
class RankMemory:
    """One column's evidence from whole windows.

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

    def restarted(self) -> RankMemory:
        """Return a memory without evidence that still knows the quiet past."""
        return RankMemory(
            log_evidence=np.full_like(self.log_evidence, -np.inf),
            starts=np.zeros_like(self.starts),
            seen=self.seen,
            waiting=[],
            held=np.zeros_like(self.held),
        )

    def add(self, ranks: BlockRanks, window: JudgedWindow, *, column: int) -> None:
        """Take in one window's counts of *column*.

        The ties' random numbers follow from the window's seed, or its start, and *column*, so that
        whoever judges the window gets the same.
        """
        self.held_from = window.second if self.n_held == 0 else self.held_from
        self.held = self.held + window.counts[column]
        self.n_held += window.weight
        if not window.weight:  # late counts are judged with the block of the window that follows
            return
        self._count_quiet()
        if self.held.sum() < ranks.least_events:
            return
        seed = window.second if window.seed is None else window.seed
        uniforms = np.random.default_rng((seed, column)).random((2, N_STATISTICS))
        gaps = ranks.gaps(self.held, uniforms[0])
        gain = rank_evidence(gaps, self.seen, uniforms[1])
        self.starts = np.where(self.log_evidence <= 0.0, self.held_from, self.starts)
        self.log_evidence = advance(self.log_evidence, gain, math.log(self.n_held))
        if window.is_quiet:
            self.waiting.append((LAG_WINDOWS, gaps.tolist()))
        self.held, self.n_held = np.zeros_like(self.held), 0

    def _count_quiet(self) -> None:
        self.waiting = [(left - 1, gaps) for left, gaps in self.waiting]
        while self.waiting and self.waiting[0][0] <= 0:
            _, gaps = self.waiting.pop(0)
            self.seen[np.arange(N_STATISTICS), gaps] += 1

    def fits(self, ranks: BlockRanks) -> bool:
        """Return whether this memory belongs to *ranks*, by its shape."""
        return int(self.seen.shape[1]) == ranks.n_blocks + 1

    def dump(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {
            "log_evidence": to_json(self.log_evidence),
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
            log_evidence=from_json(values["log_evidence"]),
            starts=np.array(values["starts"], dtype=np.int64),
            seen=np.array(values["seen"], dtype=np.int64),
            waiting=[(int(left), list(gaps)) for left, gaps in values["waiting"]],
            held=np.array(values["held"], dtype=np.int64),
            n_held=int(values["n_held"]),
            held_from=int(values["held_from"]),
        )
