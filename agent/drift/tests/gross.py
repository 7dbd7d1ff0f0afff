"""``gross``: four whole windows in a row far beyond everything that the baseline has shown (docs/method.md).

For segments whose reference promises no false-alarm rate: overwhelming evidence is told there as well, and no
rate is promised. docs/benchmarks.md has the rates that were measured.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from driftgauge.storage import DEFAULT_ALPHA, N_BINS

from ...alert.surprise import mean_surprise
from ..design_effect import Array, Counts
from ..drift_test import Arrays, JudgedWindows, restarted
from ..rate import ood_rate, ood_rates
from ..reference_windows import MIN_WINDOWS, ReferenceWindows
from .coarse import SMALL, join_windows
from .ood_rate import LEAST_RATE, TIMES_NORMAL

WINDOWS_IN_A_ROW = 4
LEAST_EVENTS = 16
"""Of a window: of fewer events, one that is unusual is a tenth."""
MARGIN = 0.5
"""How far beyond the highest window, as a share of what that is above the median one."""
LEAST_MARGIN = 0.5
"""The same, of the mean of -log p: a reference that stands still says little of what is normal."""
MOST_RATE = 0.9
ENOUGH = 12.0
"""Effective windows; a reference worth fewer shows less of what is normal, and more has to be unusual."""
FRESH = {"in_a_row": 0, "second": 0, "held": 0}


class GrossChange:
    """Windows in a row in which far more is unusual, by the rate or by the mean of -log p.

    Baseline, by component: ``least_rate``, five times the normal one and a tenth at least; ``shown_rate``, the
    highest of the reference; ``level`` of the mean of -log p; ``least_events``: windows are joined until they hold
    so many.

    Evidence: ``in_a_row`` such windows, the first at ``second``; ``held`` ``(bins,)``, counts to be joined.
    """

    def measure(self, reference: ReferenceWindows) -> Arrays | None:
        """Return what a window has to exceed; None where the reference has too few windows."""
        if any(len(each.held_windows) < MIN_WINDOWS for each in reference.components):
            return None
        found = [
            _measure_one(each.held_windows[:, -1], each.effective_windows)
            for each in reference.components
        ]
        return {name: np.array([each[name] for each in found]) for name in found[0]}

    def start(self, baseline: Arrays) -> Arrays:
        """Return evidence of no window yet."""
        n = len(baseline["level"])
        return {
            "in_a_row": np.zeros(n, dtype=np.int32),
            "second": np.zeros(n, dtype=np.int64),
            "held": np.zeros((n, N_BINS), dtype=np.int32),
        }

    def judge(
        self, baseline: Arrays, evidence: Arrays, windows: JudgedWindows
    ) -> tuple[Arrays, Array]:
        """Take in a window; the statistic is ``inf`` where the test alarms."""
        counts = evidence["held"] + windows.counts[:, -1]
        is_whole = counts.sum(axis=-1) >= baseline["least_events"].min(axis=1)
        is_gross = _is_gross(baseline, counts)
        before = evidence["in_a_row"]
        counted = np.where(is_gross, before + 1, 0)
        in_a_row = np.where(is_whole, counted, before).astype(np.int32)
        after = {
            "in_a_row": in_a_row,
            "second": np.where(
                in_a_row == 0, 0, np.where(before == 0, windows.seconds, evidence["second"])
            ),
            "held": np.where(is_whole[:, None], 0, counts).astype(np.int32),
        }
        is_alarm = is_whole & (in_a_row >= WINDOWS_IN_A_ROW)
        return after, np.where(is_alarm, np.inf, -np.inf)

    def since(self, evidence: Arrays) -> NDArray[np.int64]:
        """Return when the windows beyond everything began."""
        return evidence["second"]

    def restart(self, evidence: Arrays, which: NDArray[np.bool_]) -> Arrays:
        """Count no window of some segments."""
        return restarted(evidence, FRESH, which)


def _measure_one(windows: Counts, worth: float) -> dict[str, float]:
    """Return what one component shows.

    Args:
        windows: its combined p-values, ``(windows, bins)``.
        worth: how many independent ones they are.
    """
    sizes = windows.sum(axis=-1)
    least = max(int(np.quantile(sizes, SMALL)), LEAST_EVENTS)
    whole = join_windows(windows[:, None], least)[:, 0]
    whole = whole if len(whole) else windows.sum(axis=0, keepdims=True)
    means, rates = mean_surprise(whole), ood_rates(whole, DEFAULT_ALPHA)
    normal, highest = ood_rate(whole.sum(axis=0), DEFAULT_ALPHA), float(means.max())
    times = max(ENOUGH / worth, 1.0) ** 2
    margin = times * MARGIN * (highest - float(np.median(means)))
    return {
        "least_rate": max(min(times * LEAST_RATE, MOST_RATE), TIMES_NORMAL * normal),
        "shown_rate": float(rates.max()),
        "level": highest + max(margin, LEAST_MARGIN),
        "least_events": least,
    }


def _is_gross(baseline: Arrays, counts: Counts) -> NDArray[np.bool_]:
    """Return which windows, ``(segments, bins)``, are beyond every component."""
    rates, means = ood_rates(counts, DEFAULT_ALPHA), mean_surprise(counts)
    is_often = rates >= baseline["least_rate"].max(axis=1)
    is_often &= rates > baseline["shown_rate"].max(axis=1)
    found: NDArray[np.bool_] = is_often | (means > baseline["level"].max(axis=1))
    return found
