"""What the monitor keeps of one segment between windows: each test's evidence."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from .baseline import Baseline
from .design_effect import Counts
from .drift_test import AccruedEvidence, DriftTest, JudgedWindow
from .log_evidence import log_mean
from .tests.catalogue import DEFAULT_TESTS


@dataclass(slots=True)
class SegmentState:
    """Evidence against one segment's baseline.

    Attributes:
        tests: rows of the table, in its order.
        evidence: by a test's name, of those that the baseline has.
        quiet: by alert, quiet windows in a row while it lives.
        nearness: of the last window judged, evidence against what an alert takes, 0 to 1.
        held: counts that came late, for the tests that wait for a window.
        is_ahead: whether counts that came late had the weight of the next window.
        weighed_at: the database's time when something last had a weight.
    """

    tests: Sequence[DriftTest]
    evidence: dict[str, AccruedEvidence]
    quiet: dict[str, int] = field(default_factory=dict)
    nearness: float = 0.0
    held: Counts | None = None
    is_ahead: bool = False
    weighed_at: datetime | None = None

    @classmethod
    def fresh(cls, baseline: Baseline, tests: Sequence[DriftTest] = DEFAULT_TESTS) -> SegmentState:
        """Return a state without evidence."""
        built = [test.name for test in tests if test.name in baseline.tests]
        return cls(tests, {name: baseline.tests[name].start() for name in built})

    @classmethod
    def load(
        cls, kept: Mapping[str, Any], baseline: Baseline, tests: Sequence[DriftTest] = DEFAULT_TESTS
    ) -> SegmentState:
        """Return what `dump` wrote; a test whose evidence is of another baseline is reset."""
        state = cls.fresh(baseline, tests)
        for name in state.evidence:
            values = kept["tests"].get(name)
            resumed = None if values is None else baseline.tests[name].resume(values)
            state.evidence[name] = resumed or state.evidence[name]
        state.quiet = dict(kept["quiet"])
        state.nearness = kept.get("nearness", 0.0)
        if "late" in kept:
            late = kept["late"]
            state.held = None if late["held"] is None else np.array(late["held"], dtype=np.int64)
            state.is_ahead = bool(late["is_ahead"])
            state.weighed_at = datetime.fromisoformat(late["weighed_at"])
        return state

    def add(
        self,
        counts: Counts,
        start: datetime,
        *,
        live: Collection[str] = (),
        leave_out: Collection[str] = (),
        weight: int = 1,
        seed: int | None = None,
    ) -> dict[str, float]:
        """Take in one window, or what came late.

        Args:
            counts: ``(columns, bins)``.
            start: when the window begins.
            live: the segment's live alerts: their tests do not learn from the window.
            leave_out: alerts whose tests do not see it.
            weight: see `JudgedWindow`. A test without a promise sees what has none with the window
                that follows.
            seed: see `JudgedWindow`.

        Returns:
            By alert, the log of the mean of its tests' statistics.
        """
        found: dict[str, list[float]] = {}
        whole = counts if self.held is None else counts + self.held
        self.held = None if weight else whole
        for test in self.tests:
            if test.name not in self.evidence or test.alert in leave_out:
                continue
            if not weight and not test.keeps_budget:
                continue
            seen = counts if test.keeps_budget else whole
            window = JudgedWindow(seen, start, test.alert not in live, weight, seed)
            statistic = self.evidence[test.name].add(window)
            found.setdefault(test.alert, []).append(statistic)
        return {alert: log_mean(statistics) for alert, statistics in found.items()}

    def weigh(self, at: datetime, window: timedelta, *, is_late: bool) -> int:
        """Return the weight of what is judged next: the time that a segment may use up once.

        Every window has its weight. Counts that come late have one only where none was given within
        a window's length by the database's clock, and then the next window has none. So a segment
        all of whose counts are late is tested like any other, and none gets more weight than its
        time allows.

        Args:
            at: the database's time.
            window: its length.
            is_late: whether it was counted after its window was judged.
        """
        if not is_late:
            weight = 0 if self.is_ahead else 1
        else:
            weight = int(self.weighed_at is None or at - self.weighed_at >= window)
        self.is_ahead = is_late and (self.is_ahead or bool(weight))
        self.weighed_at = at if weight or not is_late else self.weighed_at
        return weight

    def restart(self, alert: str) -> None:
        """Drop the evidence of the tests that raise *alert*; they still know the quiet past."""
        for name in self._names(alert):
            self.evidence[name] = self.evidence[name].restarted()
        self.quiet.pop(alert, None)

    def since(self, alert: str) -> datetime:
        """When the evidence of the strongest part began to grow: an estimate of the change."""
        strongest = [self.evidence[name].strongest for name in self._names(alert)]
        _, second = max(strongest, key=lambda pair: pair[0])
        return datetime.fromtimestamp(second, UTC)

    def dump(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        values: dict[str, Any] = {
            "tests": {name: evidence.dump() for name, evidence in self.evidence.items()},
            "quiet": self.quiet,
            "nearness": round(self.nearness, 4),
        }
        if self.weighed_at is not None:
            values["late"] = {
                "held": None if self.held is None else self.held.tolist(),
                "is_ahead": self.is_ahead,
                "weighed_at": self.weighed_at.isoformat(),
            }
        return values

    def _names(self, alert: str) -> list[str]:
        return [t.name for t in self.tests if t.alert == alert and t.name in self.evidence]
