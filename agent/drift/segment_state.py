"""What the monitor keeps of one segment between windows: each test's evidence."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

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
    """

    tests: Sequence[DriftTest]
    evidence: dict[str, AccruedEvidence]
    quiet: dict[str, int] = field(default_factory=dict)
    nearness: float = 0.0

    @classmethod
    def fresh(cls, baseline: Baseline, tests: Sequence[DriftTest] = DEFAULT_TESTS) -> SegmentState:
        """Return a state without evidence."""
        built = [test.name for test in tests if test.name in baseline.tests]
        return cls(tests, {name: baseline.tests[name].start() for name in built})

    @classmethod
    def load(
        cls, kept: Mapping[str, Any], baseline: Baseline, tests: Sequence[DriftTest] = DEFAULT_TESTS
    ) -> SegmentState:
        """Return what `dump` wrote; a test whose evidence is of another baseline starts anew."""
        state = cls.fresh(baseline, tests)
        for name in state.evidence:
            values = kept["tests"].get(name)
            resumed = None if values is None else baseline.tests[name].resume(values)
            state.evidence[name] = resumed or state.evidence[name]
        state.quiet = dict(kept["quiet"])
        state.nearness = kept.get("nearness", 0.0)
        return state

    def add(
        self,
        counts: Counts,
        start: datetime,
        *,
        live: Collection[str] = (),
        leave_out: Collection[str] = (),
    ) -> dict[str, float]:
        """Take in one window.

        Args:
            counts: ``(columns, bins)``.
            start: when the window begins.
            live: the segment's live alerts: their tests do not learn from the window.
            leave_out: alerts whose tests do not see it.

        Returns:
            By alert, the log of the mean of its tests' statistics.
        """
        found: dict[str, list[float]] = {}
        for test in self.tests:
            if test.name in self.evidence and test.alert not in leave_out:
                window = JudgedWindow(counts, start, is_quiet=test.alert not in live)
                statistic = self.evidence[test.name].add(window)
                found.setdefault(test.alert, []).append(statistic)
        return {alert: log_mean(statistics) for alert, statistics in found.items()}

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
        return {
            "tests": {name: evidence.dump() for name, evidence in self.evidence.items()},
            "quiet": self.quiet,
            "nearness": round(self.nearness, 4),
        }

    def _names(self, alert: str) -> list[str]:
        return [t.name for t in self.tests if t.alert == alert and t.name in self.evidence]
