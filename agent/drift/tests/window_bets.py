"""``windows``: bets on whole windows against overdispersed baselines (docs/method.md)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..design_effect import Array
from ..drift_test import Arrays, JudgedWindows, restarted
from ..log_evidence import advance, log_add, log_mean_of, weighted_mean
from ..reference_windows import ReferenceWindows
from ..window_counts import window_counts
from ..window_model import COUNT_OF_BET, N_BETS, build_window_model, log_ratios

MOST_RISE = 1e4
SHARE = 0.5
"""What a bet stakes on its alternative in each window; the rest is kept."""


class WindowBets:
    """Baseline, by component and column: what a `WindowModel` holds, and ``inflation``.

    Evidence: ``log_evidence`` and ``rise`` ``(columns, bets)``, of Shiryaev and Roberts and of a CUSUM;
    ``starts``: the second (since 1970) at which the CUSUM last rose from its low.
    """

    def measure(self, reference: ReferenceWindows) -> Arrays | None:
        """Return the bets; None where the reference has too few windows that are worth one alone."""
        if not all(each.stands_alone for each in reference.components):
            return None
        return _stacked([self._measure_one(each) for each in reference.components])

    def _measure_one(self, reference: ReferenceWindows) -> Arrays:
        """Return the bets of one component."""
        windows, inflation = reference.held_windows, reference.inflation
        models = [
            build_window_model(windows[:, column], float(inflation[column]))
            for column in range(reference.n_columns)
        ]
        return {
            "a": np.stack([model.a for model in models]).astype(np.float32),
            "b": np.stack([model.b for model in models]).astype(np.float32),
            "offset": np.stack([model.offset for model in models]),
            "penalty": np.stack([model.penalty for model in models]),
            "most_events": np.array([model.most_events for model in models], dtype=np.int32),
            "least_events": np.stack([model.least_events for model in models]).astype(np.int32),
            "inflation": inflation,
            "n_windows": np.array(len(windows), dtype=np.int32),
            "usual_events": np.array([model.events for model in models], dtype=np.int32),
        }

    def start(self, baseline: Arrays) -> Arrays:
        """Return evidence of no window yet."""
        n, _, columns = baseline["inflation"].shape
        shape = (n, columns, N_BETS)
        return {
            "log_evidence": np.full(shape, -np.inf, dtype=np.float32),
            "rise": np.zeros(shape, dtype=np.float16),
            "starts": np.zeros(shape, dtype=np.int64),
        }

    def judge(
        self, baseline: Arrays, evidence: Arrays, windows: JudgedWindows
    ) -> tuple[Arrays, Array]:
        """Take in a window; the statistic is a weighted mean over columns of their bets' mean."""
        gain = _gains(baseline, windows.counts) * _exponents(baseline, windows)[..., None]
        before = evidence["log_evidence"].astype(np.float64)
        after = advance(before, gain, windows.log_weights[:, None, None]).astype(np.float32)
        seconds = windows.seconds[:, None, None]
        rise = evidence["rise"].astype(np.float64)
        moved: Arrays = {
            "log_evidence": after,
            "rise": np.clip(rise + gain, 0.0, MOST_RISE).astype(np.float16),
            "starts": np.where(rise <= 0.0, seconds, evidence["starts"]),
        }
        bets = after.astype(np.float64)
        columns = log_mean_of(bets, np.ones_like(bets, dtype=bool))
        return moved, weighted_mean(columns)

    def since(self, evidence: Arrays) -> NDArray[np.int64]:
        """Return when the strongest bet's evidence last rose from its low."""
        n = len(evidence["starts"])
        best = evidence["log_evidence"].reshape(n, -1).argmax(axis=1)
        found: NDArray[np.int64] = evidence["starts"].reshape(n, -1)[np.arange(n), best]
        return found

    def restart(self, evidence: Arrays, which: NDArray[np.bool_]) -> Arrays:
        """Drop the evidence of some segments."""
        fresh = {"log_evidence": -np.inf, "rise": 0, "starts": 0}
        return restarted(evidence, fresh, which)


def _exponents(baseline: Arrays, windows: JudgedWindows) -> Array:
    """Return what evidence is multiplied by, ``(segments, columns)``: 1 for a window.

    Late counts have the share of a usual window that they are. The exponents of one window's parts then
    sum to 1, and by Hölder's inequality the product of their likelihood ratios has an expectation of at
    most 1, however the parts depend on each other.
    """
    share = windows.counts.sum(axis=-1) / baseline["usual_events"].max(axis=1)
    return np.where(windows.weights[:, None] > 0, 1.0, np.minimum(share, 1.0))


def _gains(baseline: Arrays, counts: NDArray[np.int64]) -> Array:
    """Return each bet's log likelihood gain, ``(segments, columns, bets)``.

    The smallest over the components: its expectation is at most 1 whichever of them a window comes from.
    """
    k, n = window_counts(counts[:, None], baseline["most_events"])
    of_bets = k[..., COUNT_OF_BET].astype(np.float64)
    ratios = log_ratios(
        baseline["a"].astype(np.float64),
        baseline["b"].astype(np.float64),
        baseline["offset"],
        of_bets,
        n[..., None].astype(np.float64),
    )
    staked = math.log(SHARE) + ratios - baseline["penalty"]
    gains = log_add(math.log1p(-SHARE), staked) / baseline["inflation"][..., None]
    is_bet = n[..., None] >= np.maximum(baseline["least_events"], 1)
    found: Array = np.where(is_bet, gains, 0.0).min(axis=1)
    return found


def _stacked(components: Sequence[Arrays]) -> Arrays:
    return {name: np.stack([each[name] for each in components]) for name in components[0]}
