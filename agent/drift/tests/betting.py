"""``betting``: bets on single events, an e-detector with a false-alarm guarantee (docs/method.md)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from driftgauge.storage import N_BINS

from ..bets import N_SHAPED_BETS, SegmentBets
from ..design_effect import Array
from ..drift_test import Arrays, JudgedWindows, restarted
from ..log_evidence import advance, log_mean_of
from ..reference_windows import ReferenceWindows

MOST_BETS = N_SHAPED_BETS + N_BINS
"""Bets of a column at most: the shaped ones, and one a bin."""


class Betting:
    """Baseline, by component: ``gain`` ``(columns, bets, bins)``, ``n_bets`` ``(columns,)``.

    Evidence: ``log_evidence`` and ``starts``, both ``(columns, bets)``: of each bet, and the second
    (since 1970) at which it began to grow: the last window before which the bet had won nothing.
    """

    def measure(self, reference: ReferenceWindows) -> Arrays | None:
        """Return the bets; None where no column's reference can tell two bins apart."""
        found = [each.bets for each in reference.components]
        if not all(any(len(column.log_gain) for column in bets) for bets in found):
            return None
        n_bets = [[len(column.log_gain) for column in bets] for bets in found]
        return {
            "gain": np.stack(
                [np.stack([_padded_gain(column) for column in bets]) for bets in found]
            ),
            "n_bets": np.array(n_bets, dtype=np.int16),
        }

    def start(self, baseline: Arrays) -> Arrays:
        """Return evidence of no window yet."""
        n, _, *shape = baseline["gain"].shape[:4]
        shape = [n, *shape]
        return {
            "log_evidence": np.full(shape, -np.inf, dtype=np.float32),
            "starts": np.zeros(shape, dtype=np.int64),
        }

    def judge(
        self, baseline: Arrays, evidence: Arrays, windows: JudgedWindows
    ) -> tuple[Arrays, Array]:
        """Take in a window; the statistic is the mean over columns of their bets' mean."""
        before = evidence["log_evidence"].astype(np.float64)
        seconds = windows.seconds[:, None, None]
        starts = np.where(before <= 0.0, seconds, evidence["starts"])
        gain = _gains(baseline["gain"], windows.counts)
        moved = advance(before, gain, windows.log_weights[:, None, None])
        n_bets = baseline["n_bets"].max(axis=1)
        is_bet = np.arange(MOST_BETS) < n_bets[..., None]
        after = np.where(is_bet, moved, -np.inf).astype(np.float32)
        columns = log_mean_of(after.astype(np.float64), is_bet)
        statistic = log_mean_of(columns, n_bets > 0)
        return {"log_evidence": after, "starts": starts}, statistic

    def since(self, evidence: Arrays) -> NDArray[np.int64]:
        """Return when the strongest bet's evidence began to grow."""
        n = len(evidence["starts"])
        best = evidence["log_evidence"].reshape(n, -1).argmax(axis=1)
        found: NDArray[np.int64] = evidence["starts"].reshape(n, -1)[np.arange(n), best]
        return found

    def restart(self, evidence: Arrays, which: NDArray[np.bool_]) -> Arrays:
        """Drop the evidence of some segments."""
        return restarted(evidence, {"log_evidence": -np.inf, "starts": 0}, which)


def _padded_gain(bets: SegmentBets) -> NDArray[np.float32]:
    """Return what an event in each fine bin adds to each bet, ``(MOST_BETS, bins)``."""
    padded = np.zeros((MOST_BETS, N_BINS), dtype=np.float32)
    padded[: len(bets.log_gain)] = bets.log_gain[:, bets.bins]
    return padded


def _gains(gain: NDArray[np.float32], counts: NDArray[np.int64]) -> Array:
    """Return each bet's log likelihood gain, ``(segments, columns, bets)``; a column at a time.

    The smallest over the components: its expectation is at most 1 whichever of them a window comes from.
    """
    seen = counts.astype(np.float64)[:, None, :, None]
    columns = [
        np.multiply(gain[:, :, n], seen[:, :, n], dtype=np.float64).sum(axis=-1).min(axis=1)
        for n in range(gain.shape[2])
    ]
    return np.stack(columns, axis=1)
