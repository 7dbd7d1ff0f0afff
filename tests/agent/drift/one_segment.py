"""One segment, judged window by window, as the monitor judges many at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from driftgauge.agent.drift.baseline import Baseline
from driftgauge.agent.drift.design_effect import Counts
from driftgauge.agent.drift.drift_test import DriftTest
from driftgauge.agent.drift.segment_states import KeptState, SegmentStates, SegmentWindow
from driftgauge.agent.drift.tests.catalogue import DEFAULT_TESTS

NAME = "camera=1"


class OneSegment:
    """The product's `SegmentStates` with a single segment.

    Args:
        baseline: what it is judged against.
        tests: that judge it.
        kept: what `dump` gave.
    """

    def __init__(
        self,
        baseline: Baseline,
        tests: Sequence[DriftTest] = DEFAULT_TESTS,
        kept: KeptState | None = None,
    ) -> None:
        self._states = SegmentStates(tests)
        self._states.enter(NAME, baseline, kept)

    def add(self, counts: Counts, start: datetime, **more: Any) -> dict[str, float]:
        """Take in one window, ``(columns, bins)``; return the statistics; *more* of `SegmentWindow`."""
        window = SegmentWindow(segment=NAME, counts=counts, start=start, **more)
        return self._states.judge([window])[NAME]

    def restart(self, alert: str) -> None:
        """Drop the evidence of an alert's tests."""
        self._states.restart(NAME, alert)

    def since(self, alert: str) -> datetime:
        """Return when its evidence began to grow."""
        return self._states.since(NAME, alert)

    def weigh(self, at: datetime, window: timedelta, *, is_late: bool) -> int:
        """Return the weight of what is judged next."""
        return self._states.memory(NAME).weigh(at, window, is_late=is_late)

    def dump(self) -> KeptState:
        """Return what can be taken up again."""
        return self._states.dump(NAME)
