"""``conformal``: whole windows ranked among those of the reference (docs/method.md).

It complements `betting` and shares its alert: the mean of both is compared with the threshold.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..block_ranks import (
    EXPONENTS,
    N_STATISTICS,
    BlockRanks,
    block_gaps,
    block_statistics,
    build_ranks,
    rank_evidence,
)
from ..design_effect import Array
from ..drift_test import Arrays, JudgedWindows, restarted
from ..hashed_uniforms import hashed_uniforms
from ..log_evidence import advance, log_mean_of
from ..reference_windows import ReferenceWindows

LAG_WINDOWS = 16
"""A window counts as a quiet one of the past when so many more have brought no alarm."""

N_BETS = N_STATISTICS * len(EXPONENTS)
NO_BLOCK = -1


class Conformal:
    """Baseline: what `BlockRanks` holds, by column; ``n_blocks`` is 0 where a column has too few.

    Evidence, by column: ``log_evidence`` and ``starts`` ``(bets,)``, as in `Betting`; ``seen``
    ``(4, reference blocks + 1)``: where quiet blocks of live traffic fell; ``waiting`` ``(windows, 4)``:
    where the blocks of the newest windows fell, which are not yet known to be quiet; ``held``
    ``(bins,)``: counts of windows that are not a block yet, ``n_held`` of them, the first at
    ``held_from``.
    """

    def measure(self, reference: ReferenceWindows) -> Arrays | None:
        """Return the reference blocks; None where no column has enough."""
        windows = reference.windows
        columns = [build_ranks(windows[:, n]) for n in range(reference.n_columns)]
        most = max((ranks.n_blocks for ranks in columns if ranks), default=0)
        if not most:
            return None
        n_bins = windows.shape[2]
        parts = [_padded(ranks, most, n_bins) for ranks in columns]
        return {name: np.stack([part[name] for part in parts]) for name in parts[0]}

    def start(self, baseline: Arrays) -> Arrays:
        """Return evidence of no window yet."""
        n, columns, n_bins = baseline["masses"].shape
        most = baseline["reference"].shape[-1]
        return {
            "log_evidence": np.full((n, columns, N_BETS), -np.inf, dtype=np.float32),
            "starts": np.zeros((n, columns, N_BETS), dtype=np.int64),
            "seen": np.zeros((n, columns, N_STATISTICS, most + 1), dtype=np.uint32),
            "waiting": np.full((n, columns, LAG_WINDOWS, N_STATISTICS), NO_BLOCK, dtype=np.int16),
            "held": np.zeros((n, columns, n_bins), dtype=np.int64),
            "n_held": np.zeros((n, columns), dtype=np.int32),
            "held_from": np.zeros((n, columns), dtype=np.int64),
        }

    def judge(
        self, baseline: Arrays, evidence: Arrays, windows: JudgedWindows
    ) -> tuple[Arrays, Array]:
        """Take in a window; the statistic is the mean over columns of their bets' mean."""
        held = _held(evidence, windows)
        counted = _quiet_counted(evidence, windows)
        is_full = held["held"].sum(axis=-1) >= baseline["least_events"]
        is_block = is_full & (windows.weights[:, None] > 0) & (baseline["n_blocks"] > 0)
        after = _ranked({**evidence, **held, **counted}, baseline, windows, is_block)
        log_evidence = after["log_evidence"].astype(np.float64)
        columns = log_mean_of(log_evidence, np.ones_like(log_evidence, dtype=bool))
        return after, log_mean_of(columns, baseline["n_blocks"] > 0)

    def since(self, evidence: Arrays) -> NDArray[np.int64]:
        """Return when the strongest bet's evidence began to grow."""
        n = len(evidence["starts"])
        best = evidence["log_evidence"].reshape(n, -1).argmax(axis=1)
        found: NDArray[np.int64] = evidence["starts"].reshape(n, -1)[np.arange(n), best]
        return found

    def restart(self, evidence: Arrays, which: NDArray[np.bool_]) -> Arrays:
        """Drop the evidence of some segments; they still know the quiet past."""
        nothing = dict.fromkeys(("starts", "held", "n_held", "held_from"), 0)
        fresh = {"log_evidence": -np.inf, "waiting": NO_BLOCK, **nothing}
        return restarted(evidence, fresh, which)


def _padded(ranks: BlockRanks | None, most: int, n_bins: int) -> Arrays:
    """Return one column's baseline, with room for *most* blocks; what is no block is never reached."""
    reference = np.full((N_STATISTICS, most), np.inf)
    if ranks is None:
        masses, weights, n_blocks, least = np.zeros(n_bins), np.zeros((3, n_bins)), 0, 0
    else:
        masses, weights = ranks.masses, ranks.weights
        n_blocks, least = ranks.n_blocks, ranks.least_events
        reference[:, :n_blocks] = ranks.reference
    return {
        "masses": masses,
        "weights": weights,
        "reference": reference,
        "n_blocks": np.array(n_blocks, np.int32),
        "least_events": np.array(least, np.int64),
    }


def _held(evidence: Arrays, windows: JudgedWindows) -> Arrays:
    """Add the windows to what is held; late counts are judged with the window that follows."""
    seconds = windows.seconds[:, None]
    is_first = evidence["n_held"] == 0
    return {
        "held": evidence["held"] + windows.counts,
        "n_held": (evidence["n_held"] + windows.weights[:, None]).astype(np.int32),
        "held_from": np.where(is_first, seconds, evidence["held_from"]),
    }


def _quiet_counted(evidence: Arrays, windows: JudgedWindows) -> Arrays:
    """Count the blocks that have waited long enough, and move the others one window on."""
    waiting, seen = evidence["waiting"], evidence["seen"].copy()
    has_weight = windows.weights > 0
    oldest = waiting[:, :, 0]
    rows = np.nonzero((oldest != NO_BLOCK) & has_weight[:, None, None])
    np.add.at(seen, (*rows, oldest[rows]), 1)
    none = np.full_like(oldest, NO_BLOCK)[:, :, None]
    moved = np.concatenate([waiting[:, :, 1:], none], axis=2)
    return {"waiting": np.where(has_weight[:, None, None, None], moved, waiting), "seen": seen}


def _ranked(
    evidence: Arrays, baseline: Arrays, windows: JudgedWindows, is_block: NDArray[np.bool_]
) -> Arrays:
    """Rank the held windows of those (segment, column) in which they have become a block."""
    rows = np.nonzero(is_block)
    if not len(rows[0]):
        return evidence
    after = {name: values.copy() for name, values in evidence.items()}
    uniforms = hashed_uniforms(windows.seeds, (is_block.shape[1], 2, N_STATISTICS))[rows]
    statistics = block_statistics(
        after["held"][rows], baseline["masses"][rows], baseline["weights"][rows]
    )
    gaps = block_gaps(baseline["reference"][rows], statistics, uniforms[:, 0])
    n_gaps = baseline["n_blocks"][rows] + 1
    gain = rank_evidence(gaps, after["seen"][rows], uniforms[:, 1], n_gaps)
    before = after["log_evidence"][rows].astype(np.float64)
    begins, n_held = after["held_from"][rows], after["n_held"][rows]
    after["starts"][rows] = np.where(before <= 0.0, begins[:, None], after["starts"][rows])
    after["log_evidence"][rows] = advance(before, gain, np.log(n_held)[:, None])
    is_quiet = windows.is_quiet[rows[0], None]
    after["waiting"][rows[0], rows[1], -1] = np.where(is_quiet, gaps, NO_BLOCK)
    after["held"][rows] = 0
    after["n_held"][rows] = 0
    return after
