"""``coarse``: whole windows in a row beyond all of the reference, or far beyond them (docs/method.md).

What no reference window has shown is told after a few windows, even where the reference is too short for a
finer test. Ranks assume nothing of what happens inside a window; distances (`distance`) tell sooner.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from driftgauge.storage import N_BINS

from ...alert.surprise import bin_surprise
from ..design_effect import Array, Counts
from ..drift_test import Arrays, JudgedWindows, restarted
from ..log_evidence import advance, log_mean_of, weighted_mean
from ..reference_windows import MIN_WINDOWS, ReferenceWindows
from .distance import distance_gains, measure_distance

STAKE = 0.9
"""What a bet stakes on the next window being beyond all; the rest is kept."""
RANK_SHARE = 0.25
"""Of the statistic: ranks of gross changes need little of the budget; the rest is the distances'."""
N_RANKS = 4
SMALL = 0.1
"""Quantile of the reference windows' sizes: smaller ones are joined."""
FRESH = {"log_evidence": -np.inf, "run": 0, "starts": 0, "rise": 0, "held": 0, "n_held": 0}
"""What was seen before, and the last window's means, stay."""


class TopGap:
    """Whole windows in a row beyond all of the reference, and how far.

    Baseline, by component: ``most`` ``(N_RANKS,)``, the largest of the reference; ``n_windows``;
    ``inflation``; ``least_events`` ``(columns,)``: windows are joined until they hold so many; and what
    `measure_distance` finds.

    Evidence: ``log_evidence`` and ``starts`` ``(N_RANKS + columns,)``, as in `Betting`: of the ranks, then
    of each column's distance. By rank: ``run``: windows in a row beyond ``most`` until now; ``beyond``
    and ``seen``: such windows, and all, before the run. By column: ``rise``: of a CUSUM, ``last``: the mean in
    the last window.
    ``held`` ``(columns, bins)``: counts of windows that are to be joined, ``n_held`` of them.
    """

    def measure(self, reference: ReferenceWindows) -> Arrays | None:
        """Return the largest statistics; None where the reference has too few windows."""
        if any(len(each.held_windows) < MIN_WINDOWS for each in reference.components):
            return None
        found = [self._measure_one(each) for each in reference.components]
        return {name: np.stack([each[name] for each in found]) for name in found[0]}

    def _measure_one(self, reference: ReferenceWindows) -> Arrays:
        """Return what one component shows."""
        windows = reference.held_windows
        least = max(int(np.quantile(windows[:, -1].sum(axis=-1), SMALL)), 1)
        windows = join_windows(windows, least)
        return {
            "most": window_statistics(windows).max(axis=0),
            "n_windows": np.array(len(windows), dtype=np.int32),
            "inflation": np.array(float(np.median(reference.inflation))),
            "least_events": np.full(reference.n_columns, least, dtype=np.int64),
            **measure_distance(windows, reference.inflation),
        }

    def start(self, baseline: Arrays) -> Arrays:
        """Return evidence of no window yet."""
        n, _, n_columns = baseline["least_events"].shape
        shape = (n, N_RANKS + n_columns)
        counted = {
            name: np.zeros((n, N_RANKS), dtype=np.uint32) for name in ("run", "beyond", "seen")
        }
        return {
            "log_evidence": np.full(shape, -np.inf, dtype=np.float32),
            "starts": np.zeros(shape, dtype=np.int64),
            "rise": np.zeros((n, n_columns), dtype=np.float32),
            "last": np.full((n, n_columns), np.nan, dtype=np.float32),
            "held": np.zeros((n, n_columns, N_BINS), dtype=np.int32),
            "n_held": np.zeros(n, dtype=np.int32),
            **counted,
        }

    def judge(
        self, baseline: Arrays, evidence: Arrays, windows: JudgedWindows
    ) -> tuple[Arrays, Array]:
        """Take in a window; the statistic is the mean of ranks and distances by their shares."""
        counts = evidence["held"] + windows.counts
        n_held = evidence["n_held"] + (windows.weights > 0)
        least = baseline["least_events"][:, :, -1].min(axis=1)
        is_whole = (counts[:, -1].sum(axis=-1) >= least)[:, None]
        is_beyond = window_statistics(counts) > baseline["most"].max(axis=1)
        before = evidence["log_evidence"].astype(np.float64)
        weight = np.log(np.maximum(n_held, 1))[:, None]
        last = evidence["last"].astype(np.float64)
        far, means = distance_gains(baseline, counts, last)
        gains = np.concatenate([_gains(is_beyond, baseline, evidence), far], axis=1)
        moved = {
            "log_evidence": advance(before, gains, weight),
            "starts": np.where(
                _is_low(before, evidence), windows.seconds[:, None], evidence["starts"]
            ),
            "rise": np.maximum(evidence["rise"] + far, 0.0),
            "last": means,
            **_counted(evidence, is_beyond, windows),
        }
        after = {
            name: np.where(is_whole, values, evidence[name]).astype(evidence[name].dtype)
            for name, values in moved.items()
        }
        held = np.where(is_whole[..., None], 0, counts).astype(np.int32)
        waiting = {"held": held, "n_held": np.where(is_whole[:, 0], 0, n_held).astype(np.int32)}
        return {**after, **waiting}, _statistic(after["log_evidence"].astype(np.float64))

    def since(self, evidence: Arrays) -> NDArray[np.int64]:
        """Return when the strongest statistic's evidence began to grow."""
        best = evidence["log_evidence"].argmax(axis=1)
        found: NDArray[np.int64] = evidence["starts"][np.arange(len(best)), best]
        return found

    def restart(self, evidence: Arrays, which: NDArray[np.bool_]) -> Arrays:
        """Drop the evidence of some segments; what was seen before the change stays."""
        return restarted(evidence, FRESH, which)


def join_windows(windows: Counts, least_events: int) -> Counts:
    """Join neighbouring windows until each holds *least_events*; the rest is left out.

    Args:
        windows: ``(windows, columns, bins)``.
    """
    joined, held = [], np.zeros(windows.shape[1:], dtype=np.int64)
    for window in windows:
        held = held + window
        if held[-1].sum() >= least_events:
            joined.append(held)
            held = np.zeros_like(held)
    return np.array(joined, dtype=np.int64).reshape(-1, *windows.shape[1:])


def window_statistics(counts: Counts) -> Array:
    """Return how strange whole windows are, ``(..., columns, bins)`` to ``(..., 4)``.

    The mean of -log p of the combined p-values, and of all columns; the reverse of the latter; and the
    share of a column's fullest bin, the mean over columns: a frozen picture.
    """
    events = np.maximum(counts.sum(axis=-1), 1)
    surprise = (counts * bin_surprise()).sum(axis=-1) / events
    everywhere = surprise.mean(axis=-1)
    fullest = (counts.max(axis=-1) / events).mean(axis=-1)
    found = np.stack([surprise[..., -1], everywhere, -everywhere, fullest], axis=-1)
    equal_stays_equal: Array = np.round(found, 9)  # sums differ in their last bits
    return equal_stays_equal


def _gains(is_beyond: NDArray[np.bool_], baseline: Arrays, evidence: Arrays) -> Array:
    """Return the bets' log gains.

    The next of exchangeable windows is beyond all n of the reference with probability
    (1 + b) / (1 + n + w) after w windows of which b were beyond them (Polya's urn). What windows that
    resemble their neighbours prove is divided by the root of the inflation: extremes come together
    less than means do (docs/method.md). Of several components the smallest gain counts; which of them the earlier
    windows were of is not known, so that none counts as one of theirs.
    """
    n_components = baseline["n_windows"].shape[1]
    past = (evidence["seen"].astype(np.float64) + evidence["run"]) * (n_components == 1)
    beyond = evidence["beyond"].astype(np.float64) + evidence["run"]
    known = baseline["n_windows"].astype(np.float64)[..., None]
    chance = (1.0 + beyond[:, None]) / (1.0 + known + past[:, None])
    won = np.log(1.0 - STAKE + STAKE / np.minimum(chance, 1.0))
    gains = np.where(is_beyond[:, None], won, math.log(1.0 - STAKE))
    found: Array = (gains / np.sqrt(baseline["inflation"])[..., None]).min(axis=1)
    return found


def _is_low(log_evidence: Array, evidence: Arrays) -> NDArray[np.bool_]:
    """Return whether nothing was won yet: that of ranks by their sum, that of distances since their last low."""
    found: NDArray[np.bool_] = np.concatenate(
        [log_evidence[:, :N_RANKS] <= 0.0, evidence["rise"] <= 0.0], axis=1
    )
    return found


def _counted(evidence: Arrays, is_beyond: NDArray[np.bool_], windows: JudgedWindows) -> Arrays:
    """Count the windows; those of a run count as past once it has ended without an alarm."""
    run, is_quiet = evidence["run"], windows.is_quiet[:, None]
    ended = {
        "beyond": evidence["beyond"] + np.where(is_quiet, run, 0),
        "seen": evidence["seen"] + np.where(is_quiet, run + 1, 0),
        "run": np.zeros_like(run),
    }
    goes_on = {"beyond": evidence["beyond"], "seen": evidence["seen"], "run": run + 1}
    return {
        name: np.where(is_beyond, goes_on[name], ended[name]).astype(np.uint32) for name in ended
    }


def _statistic(log_evidence: Array) -> Array:
    """Return the mean of ranks and distances by their shares, in logarithms."""
    ranks, far = log_evidence[:, :N_RANKS], log_evidence[:, N_RANKS:]
    found: Array = np.logaddexp(
        math.log(RANK_SHARE) + log_mean_of(ranks, np.ones_like(ranks, dtype=bool)),
        math.log1p(-RANK_SHARE) + weighted_mean(far),
    )
    return found
