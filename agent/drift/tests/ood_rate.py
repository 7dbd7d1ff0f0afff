"""``ood_rate``: a threshold on the rate, as one would write it in ten lines.

It alarms at the third window in a row in which at least 10 % of images, and five times as many as
normal, are out of distribution. No false-alarm budget is promised for it: docs/method.md has the rates
that were measured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from driftgauge.storage import DEFAULT_ALPHA

from ..drift_test import JudgedWindow
from ..rate import ood_rate
from ..reference_windows import ReferenceWindows

LEAST_RATE = 0.1
TIMES_NORMAL = 5.0
WINDOWS_IN_A_ROW = 3


@dataclass(frozen=True, slots=True)
class RateTest:
    """The threshold of one segment."""

    threshold: float

    @classmethod
    def build(cls, reference: ReferenceWindows) -> RateTest:
        """Build it."""
        normal = ood_rate(reference.windows[:, -1].sum(axis=0), DEFAULT_ALPHA)
        return cls(max(LEAST_RATE, TIMES_NORMAL * normal))

    def start(self) -> RateEvidence:
        """Return evidence of no window yet."""
        return RateEvidence(self.threshold)

    def resume(self, kept: dict[str, Any]) -> RateEvidence:
        """Return what `RateEvidence.dump` gave."""
        return RateEvidence(self.threshold, int(kept["in_a_row"]), int(kept["second"]))


@dataclass(slots=True)
class RateEvidence:
    """How many windows in a row are above the threshold, and the second at which they began."""

    threshold: float
    in_a_row: int = 0
    second: int = 0

    def add(self, window: JudgedWindow) -> float:
        """Take in one window; return ``inf`` where the test alarms."""
        is_above = ood_rate(window.counts[-1], DEFAULT_ALPHA) >= self.threshold
        if self.in_a_row == 0:
            self.second = window.second
        self.in_a_row = self.in_a_row + 1 if is_above else 0
        return math.inf if self.in_a_row >= WINDOWS_IN_A_ROW else -math.inf

    @property
    def strongest(self) -> tuple[float, int]:
        """When the windows above the threshold began."""
        return float(self.in_a_row), self.second

    def restarted(self) -> RateEvidence:
        """Return it with no window counted."""
        return RateEvidence(self.threshold)

    def dump(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {"in_a_row": self.in_a_row, "second": self.second}
