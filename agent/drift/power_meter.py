"""Measures the power of the segments' tests, some segments at a time, and stores it with their baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from driftgauge.storage import SegmentBaseline

from .drift_test import DriftTest
from .power import power_curves
from .stored_baseline import from_stored

AT_ONCE = 16
"""Segments of one run: under a second on one core."""


class PowerStore(Protocol):
    """The database, as far as power needs it."""

    def baselines_without_power(
        self, stream: str, detector: str, *, limit: int
    ) -> list[SegmentBaseline]:
        """Return some baselines whose power was not measured yet."""

    def write_power(
        self, stream: str, detector: str, power: Mapping[str, tuple[int, bytes]]
    ) -> None:
        """Store by segment the power of a revision of its baseline."""


class PowerMeter:
    """Measures the power of one stream's segments for one detector.

    Args:
        store: the database.
        stream: its name.
        detector: version whose baselines these are.
        tests: that run.
    """

    def __init__(
        self, store: PowerStore, *, stream: str, detector: str, tests: Sequence[DriftTest]
    ) -> None:
        self._store = store
        self._own = (stream, detector)
        self._tests = tests

    def turn(self) -> int:
        """Measure some segments whose baseline is new; return how many.

        A baseline that the tests which run now have not measured is left for the monitor's next turn.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        rows = self._store.baselines_without_power(*self._own, limit=AT_ONCE)
        found = {row.segment: from_stored(row, self._tests) for row in rows}
        baselines = {name: one for name, one in found.items() if one is not None}
        revisions = {row.segment: row.revision for row in rows}
        curves = power_curves(baselines, tests=self._tests)
        self._store.write_power(
            *self._own,
            {name: (revisions[name], curve.dump()) for name, curve in curves.items()},
        )
        return len(curves)
