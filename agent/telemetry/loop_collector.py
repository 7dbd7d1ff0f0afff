"""What a scrape reads from the loop as it is at that moment."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from ..loop.condition import Condition
from ..ports import Clock

STAGES = (
    "poll", "idle", "decode", "prepare", "decode_wait", "score", "count", "flush",
    "score.forward", "score.detector",
)  # fmt: skip
"""The stages that become labels; a scorer of your own may measure others."""


class LoopCollector(Collector):
    """Turns the loop's condition into metrics at each scrape; asks neither broker nor database.

    Args:
        about: what this agent runs: stream, topic, detector.
    """

    def __init__(
        self, condition: Callable[[], Condition], clock: Clock, about: Mapping[str, str]
    ) -> None:
        self._condition = condition
        self._clock = clock
        self._about = dict(about)

    def collect(self) -> Iterator[Metric]:
        """Return the metrics of this moment."""
        condition = self._condition()
        yield from self._counters(condition)
        yield from self._gauges(condition)
        yield from self._lag(condition)
        yield from self._information()

    def _counters(self, condition: Condition) -> Iterator[Metric]:
        stages = CounterMetricFamily(
            "driftgauge_stage_seconds", "Seconds spent so far, by stage.", labels=["stage"]
        )
        for stage in STAGES:
            if stage in condition.stage_seconds:
                stages.add_metric([stage], condition.stage_seconds[stage])
        yield stages
        yield CounterMetricFamily(
            "driftgauge_events_skewed",
            "Events dated too far ahead of the clock, counted at their arrival.",
            condition.n_skewed,
        )
        yield CounterMetricFamily(
            "driftgauge_segments_bounded",
            "Segment values beyond the bound, counted as ~other.",
            condition.n_bounded,
        )

    def _gauges(self, condition: Condition) -> Iterator[Metric]:
        now = self._clock.monotonic()
        n_partitions = len(condition.partitions)
        values = {
            "turn_age_seconds": (
                "Seconds since the loop's last turn began, or since it waits for the scorer.",
                now - condition.turned_at,
            ),
            "flush_age_seconds": (
                "Seconds since the last flush that succeeded.",
                now - condition.flushed_at,
            ),
            "queue_events": ("Records in memory that are not scored yet.", condition.n_waiting),
            "partitions_assigned": ("Partitions that this agent reads.", n_partitions),
            "partitions_paused": (
                "Partitions that are paused: memory is full or the world is away.",
                n_partitions if condition.is_paused else 0,
            ),
        }
        for name, (text, value) in values.items():
            yield GaugeMetricFamily(f"driftgauge_{name}", text, value)
        absent = GaugeMetricFamily(
            "driftgauge_absent", "1 while the loop waits for it to answer again.", labels=["what"]
        )
        for what in ("broker", "database"):
            absent.add_metric([what], float(condition.absent == what))
        yield absent

    def _lag(self, condition: Condition) -> Iterator[Metric]:
        reading, now = condition.lag, self._clock.now().timestamp()
        events = GaugeMetricFamily(
            "driftgauge_lag_events", "Records between counted and the end.", labels=["partition"]
        )
        seconds = GaugeMetricFamily(
            "driftgauge_lag_seconds",
            "Age of the last counted record while others wait, else 0.",
            labels=["partition"],
        )
        for (_, number), lag in sorted(reading.partitions.items()):
            events.add_metric([str(number)], lag.messages)
            seconds.add_metric([str(number)], lag.seconds(now))
        yield events
        yield seconds
        age = GaugeMetricFamily("driftgauge_lag_age_seconds", "Seconds since the lag was known.")
        if reading.at is not None:
            age.add_metric([], self._clock.monotonic() - reading.at)
        yield age

    def _information(self) -> Iterator[Metric]:
        build = {
            "version": importlib.metadata.version("driftgauge"),
            "python": platform.python_version(),
        }
        yield InfoMetricFamily("driftgauge_build", "Versions.", build)
        yield InfoMetricFamily("driftgauge_detector", "What this agent runs.", self._about)
