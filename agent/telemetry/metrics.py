"""Metrics that are updated as events happen, in a separate registry; the rest is read at each scrape.

Names carry the unit, labels are bounded: no segment, event or message ever becomes a label.
docs/operations.md says what each means; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.registry import Collector

from driftgauge.storage import NotificationCount

from ..loop.activity import BatchScored, FlushEnded

_BATCH_EDGES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
_SECOND_EDGES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """Listens to the loop for what no sum holds: histograms, and what is out of distribution.

    Any thread may read the registry.

    Args:
        alpha: an event whose combined p-value is at most this is out of distribution.
    """

    def __init__(self, *, alpha: float) -> None:
        # Else each counter has a second series beside it, which nobody reads.
        disable_created_metrics()  # type: ignore[no-untyped-call] # it has no annotation
        self.registry = CollectorRegistry()
        self._alpha = alpha
        self._loop: Collector | None = None
        ProcessCollector(registry=self.registry)
        self._ood = Counter(
            "driftgauge_events_out_of_distribution",
            "Scored events whose p-value is at most stream.alpha.",
            registry=self.registry,
        )
        self._batch = self._histogram("batch_events", "Events in a scored batch.", _BATCH_EDGES)
        self._flush = self._histogram(
            "flush_duration_seconds", "Duration of a written flush in seconds.", _SECOND_EDGES
        )
        self._alerts = Gauge(
            "driftgauge_alerts", "Unresolved alerts of the stream, by state.", ["state"],
            registry=self.registry,
        )  # fmt: skip
        self._silent = Gauge(
            "driftgauge_segments_silent",
            "Segments that have fallen silent, the whole stream being one; by their unresolved alerts.",
            registry=self.registry,
        )
        self._judging_lag = Gauge(
            "driftgauge_judging_lag_seconds",
            "How long the oldest count has waited to be judged, by the database's clock; 0 where none waits.",
            registry=self.registry,
        )

        self._detector_current = Gauge(
            "driftgauge_detector_current",
            "1 while the agent scores with the stream's active detector, 0 while it cannot.",
            registry=self.registry,
        )
        self._detector_current.set(1)
        self._notifications = Gauge(
            "driftgauge_notifications", "Steps of alerts to deliver, by receiver and state.",
            ["receiver", "state"], registry=self.registry,
        )  # fmt: skip

    def hear(self, happened: BatchScored | FlushEnded) -> None:
        """Record what the loop reports; the loop's listener."""
        if isinstance(happened, BatchScored):
            p_values = happened.scored.p_values[:, -1:]
            self._ood.inc(int(np.count_nonzero(p_values <= self._alpha)))
            self._batch.observe(len(p_values))
        elif happened.outcome == "written":
            self._flush.observe(happened.seconds)

    def show_loop(self, collector: Collector) -> None:
        """Show what *collector* says of a loop, in place of the loop before."""
        if self._loop is not None:
            self.registry.unregister(self._loop)
        self._loop = collector
        self.registry.register(collector)

    def set_alerts(self, by_state: Mapping[str, int]) -> None:
        """Set the number of unresolved alerts in the database."""
        for state, n_alerts in by_state.items():
            self._alerts.labels(state).set(n_alerts)

    def set_silent(self, n_segments: int) -> None:
        """Set how many segments are told as silent."""
        self._silent.set(n_segments)

    def set_detector_problem(self, problem: str | None) -> None:
        """Set whether the agent scores with the active detector: it does where there is no problem."""
        self._detector_current.set(0 if problem else 1)

    def set_judging_lag(self, seconds: float) -> None:
        """Set how long the oldest count has waited to be judged."""
        self._judging_lag.set(seconds)

    def set_notifications(self, counts: Iterable[NotificationCount]) -> None:
        """Set how many steps wait for each receiver, and how many were given up."""
        for count in counts:
            self._notifications.labels(count.sink, count.state).set(count.count)

    def _histogram(self, name: str, text: str, edges: tuple[float, ...]) -> Histogram:
        return Histogram(f"driftgauge_{name}", text, buckets=edges, registry=self.registry)
