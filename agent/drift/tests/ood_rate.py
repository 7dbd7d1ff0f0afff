"""``ood_rate``: a threshold on the rate, as one would write it in ten lines.

It alarms at the third window in a row in which at least 10 % of images, and five times as many as
normal, are out of distribution. No false-alarm budget is promised for it: docs/method.md has the rates
that were measured.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from driftgauge.storage import DEFAULT_ALPHA

from ..design_effect import Array
from ..drift_test import Arrays, JudgedWindows, restarted
from ..rate import ood_rate, ood_rates
from ..reference_windows import ReferenceWindows

LEAST_RATE = 0.1
TIMES_NORMAL = 5.0
WINDOWS_IN_A_ROW = 3


class RateThreshold:
    """Baseline: ``threshold``. Evidence: ``in_a_row`` windows above it, the first at ``second``."""

    def measure(self, reference: ReferenceWindows) -> Arrays | None:
        """Return the threshold of one segment."""
        normal = ood_rate(reference.windows[:, -1].sum(axis=0), DEFAULT_ALPHA)
        return {"threshold": np.array(max(LEAST_RATE, TIMES_NORMAL * normal))}

    def start(self, baseline: Arrays) -> Arrays:
        """Return evidence of no window yet."""
        n = len(baseline["threshold"])
        return {"in_a_row": np.zeros(n, dtype=np.int64), "second": np.zeros(n, dtype=np.int64)}

    def judge(
        self, baseline: Arrays, evidence: Arrays, windows: JudgedWindows
    ) -> tuple[Arrays, Array]:
        """Take in a window; the statistic is ``inf`` where the test alarms."""
        is_above = ood_rates(windows.counts[:, -1], DEFAULT_ALPHA) >= baseline["threshold"]
        before = evidence["in_a_row"]
        after = {
            "in_a_row": np.where(is_above, before + 1, 0),
            "second": np.where(before == 0, windows.seconds, evidence["second"]),
        }
        return after, np.where(after["in_a_row"] >= WINDOWS_IN_A_ROW, np.inf, -np.inf)

    def since(self, evidence: Arrays) -> NDArray[np.int64]:
        """Return when the windows above the threshold began."""
        return evidence["second"]

    def restart(self, evidence: Arrays, which: NDArray[np.bool_]) -> Arrays:
        """Count no window of some segments."""
        return restarted(evidence, {"in_a_row": 0, "second": 0}, which)
