"""The counters and histograms that the loop fills, in a registry of their own.

Names carry the unit, labels are bounded: no segment, event or message ever becomes a label.
docs/operations.md says what each means; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

from .. import errors
from ..loop.meter import FlushOutcome, Meter
from ..ports import Scored

OTHER = "other"
_BATCH_EDGES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
_SECOND_EDGES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


def _reasons() -> frozenset[str]:
    """Return the names that an event's error can have: no others become labels."""
    kinds = [errors.EventError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return frozenset(kind.__name__ for kind in kinds)


class Metrics(Meter):
    """Hears the loop and keeps what Prometheus reads. Any thread may read the registry.

    Args:
        alpha: an event whose combined p-value is at most this is out of distribution.
    """

    def __init__(self, *, alpha: float) -> None:
        # Else each counter has a second series beside it, which nobody reads.
        disable_created_metrics()  # type: ignore[no-untyped-call] # it has no annotation
        self.registry = CollectorRegistry()
        self._alpha = alpha
        self._reasons = _reasons()
        ProcessCollector(registry=self.registry)
        self._consumed = self._counter("events_consumed", "Records taken from Kafka.")
        self._scored = self._counter("events_scored", "Events scored and counted in memory.")
        self._ood = self._counter(
            "events_out_of_distribution", "Scored events whose p-value is at most stream.alpha."
        )
        self._dropped = self._counter(
            "events_dropped", "Scored events dropped before a flush, to be read again."
        )
        self._sampled_out = self._counter(
            "events_sampled_out", "Records left out by sampling under lag."
        )
        self._dead_lettered = self._counter(
            "events_dead_lettered", "Records sent to the dead letters, by error.", "reason"
        )
        self._flushes = self._counter("flushes", "Flushes to the database, by outcome.", "outcome")
        self._batch = self._histogram("batch_events", "Events in a scored batch.", _BATCH_EDGES)
        self._flush = self._histogram(
            "flush_duration_seconds", "Seconds that a written flush took.", _SECOND_EDGES
        )
        self._alerts = Gauge(
            "driftgauge_alerts", "Live alerts of the stream, by state.", ["state"],
            registry=self.registry,
        )  # fmt: skip
        for outcome in ("written", "empty", "stale", "failed"):
            self._flushes.labels(outcome)

    def consumed(self, n_records: int) -> None:
        """Records were taken from Kafka."""
        self._consumed.inc(n_records)

    def sampled_out(self, n_records: int) -> None:
        """Records were left out by sampling under lag."""
        self._sampled_out.inc(n_records)

    def dead_lettered(self, error: str) -> None:
        """A record goes to the dead letters; a class that is not known counts as ``other``."""
        self._dead_lettered.labels(error if error in self._reasons else OTHER).inc()

    def scored(self, scored: Scored) -> None:
        """A batch was scored and counted in memory."""
        self._scored.inc(len(scored.scores))
        self._ood.inc(int(np.count_nonzero(scored.p_values[:, -1] <= self._alpha)))
        self._batch.observe(len(scored.scores))

    def dropped(self, n_events: int) -> None:
        """Counted events were dropped before a flush."""
        self._dropped.inc(n_events)

    def flushed(self, outcome: FlushOutcome, seconds: float) -> None:
        """A flush ended."""
        self._flushes.labels(outcome).inc()
        if outcome == "written":
            self._flush.observe(seconds)

    def set_alerts(self, by_state: Mapping[str, int]) -> None:
        """Tell how many alerts live in the database."""
        for state, n_alerts in by_state.items():
            self._alerts.labels(state).set(n_alerts)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"driftgauge_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, edges: tuple[float, ...]) -> Histogram:
        return Histogram(f"driftgauge_{name}", text, buckets=edges, registry=self.registry)
