"""What a scrape reads from the loop's status: all that is a sum, or that is so at the moment."""

from __future__ import annotations

import importlib.metadata
import platform
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from .. import errors
from ..loop.stages import STAGES
from ..loop.status import DEPENDENCIES, FLUSH_OUTCOMES, LoopStatus
from ..ports import Clock

OTHER = "other"


def _reasons() -> frozenset[str]:
    """Return the names that an event's error can have: no others become labels."""
    kinds = [errors.EventError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return frozenset(kind.__name__ for kind in kinds)


class LoopCollector(Collector):
    """Turns the loop's status into metrics at each scrape; asks neither broker nor database.

    Args:
        about: what this agent runs: stream, topic, detector.
    """

    def __init__(
        self, status: Callable[[], LoopStatus], clock: Clock, about: Mapping[str, str]
    ) -> None:
        self._status = status
        self._clock = clock
        self._about = dict(about)
        self._reasons = _reasons()

    def collect(self) -> Iterator[Metric]:
        """Return the metrics of this moment."""
        status = self._status()
        yield from _events(status)
        yield self._dead_letters(status)
        yield _passed_over(status)
        yield from _work(status)
        yield from self._gauges(status)
        yield from self._lag(status)
        yield from self._information(status)

    def _dead_letters(self, status: LoopStatus) -> Metric:
        counts: Counter[str] = Counter()
        for error, n in status.dead_letters.items():
            counts[error if error in self._reasons else OTHER] += n
        family = CounterMetricFamily(
            "driftgauge_events_dead_lettered",
            "Records sent to the dead-letter topic, by error.",
            labels=["reason"],
        )
        for reason, n in counts.items():
            family.add_metric([reason], n)
        return family

    def _gauges(self, status: LoopStatus) -> Iterator[Metric]:
        now = self._clock.monotonic()
        n_partitions = len(status.partitions)
        values = {
            "turn_age_seconds": (
                "Seconds since the loop's last iteration began, or since it started to wait for the scorer.",
                now - status.turned_at,
            ),
            "flush_age_seconds": (
                "Seconds since the last successful flush.",
                now - status.flushed_at,
            ),
            "queue_events": ("Records in memory that are not scored yet.", status.n_waiting),
            "partitions_assigned": ("Partitions that this agent reads.", n_partitions),
            "partitions_paused": (
                "Partitions that are paused: memory is full, or a dependency does not answer.",
                n_partitions if status.is_paused else 0,
            ),
            "segments_missing": (
                "Names of stream.segments that no event has had so far.",
                len(status.missing_segments),
            ),
            "clocks_wrong": (
                "Segments whose events are dated far from their records' time.",
                status.n_wrong_clocks,
            ),
            "clock_offset_seconds": (
                "The largest such difference, below 0 where the sender's clock is behind; else 0.",
                status.worst_clock_seconds,
            ),
        }
        for name, (text, value) in values.items():
            yield GaugeMetricFamily(f"driftgauge_{name}", text, value)
        unavailable = GaugeMetricFamily(
            "driftgauge_dependency_unavailable",
            "1 while it does not answer and is retried.",
            labels=["dependency"],
        )
        for name in DEPENDENCIES:
            unavailable.add_metric([name], float(name in status.unavailable))
        yield unavailable

    def _lag(self, status: LoopStatus) -> Iterator[Metric]:
        reading, now = status.lag, self._clock.now().timestamp()
        events = GaugeMetricFamily(
            "driftgauge_lag_events",
            "Records not counted yet, up to the end of the partition.",
            labels=["partition"],
        )
        seconds = GaugeMetricFamily(
            "driftgauge_lag_seconds",
            "Age of the last counted record while later records wait, else 0.",
            labels=["partition"],
        )
        for (_, number), lag in sorted(reading.partitions.items()):
            events.add_metric([str(number)], lag.messages)
            seconds.add_metric([str(number)], lag.seconds(now))
        yield events
        yield seconds
        age = GaugeMetricFamily(
            "driftgauge_lag_age_seconds", "Seconds since the lag was last read."
        )
        if reading.at is not None:
            age.add_metric([], self._clock.monotonic() - reading.at)
        yield age

    def _information(self, status: LoopStatus) -> Iterator[Metric]:
        build = {
            "version": importlib.metadata.version("driftgauge"),
            "python": platform.python_version(),
        }
        yield InfoMetricFamily("driftgauge_build", "Versions.", build)
        about = dict(self._about)
        if status.detector:  # it may have changed since the start
            about |= {"detector": status.detector, "layers": str(status.n_layers)}
        yield InfoMetricFamily("driftgauge_detector", "What this agent runs.", about)


def _events(status: LoopStatus) -> Iterator[Metric]:
    sums = {
        "events_consumed": ("Records read from Kafka.", status.n_consumed),
        "events_scored": ("Events scored and counted in memory.", status.n_scored),
        "events_unscored": (
            "Events of a model that no detector was fitted for: nothing scored them.",
            status.n_unscored,
        ),
        "events_dropped": (
            "Scored events dropped before a flush, to be read again.",
            status.n_dropped,
        ),
        "events_sampled_out": ("Records left out by sampling under lag.", status.n_sampled_out),
        "events_skewed": (
            "Events dated too far in the future, counted at their arrival time.",
            status.n_skewed,
        ),
        "segments_bounded": (
            "Segment values beyond the limit, counted as ~other.",
            status.n_other,
        ),
        "taps_kept": ("Events whose taps are kept to learn from.", status.n_kept),
        "taps_lost": (
            "Events whose taps were to be kept and could not be written.",
            status.n_keep_lost,
        ),
    }
    for name, (text, value) in sums.items():
        yield CounterMetricFamily(f"driftgauge_{name}", text, value)


def _passed_over(status: LoopStatus) -> Metric:
    family = CounterMetricFamily(
        "driftgauge_records_passed_over",
        "Records that are neither events nor dead letters, by kind.",
        labels=["kind"],
    )
    family.add_metric(["prediction"], status.n_predictions)
    family.add_metric(["tombstone"], status.n_tombstones)
    return family


def _work(status: LoopStatus) -> Iterator[Metric]:
    flushes = CounterMetricFamily(
        "driftgauge_flushes", "Flushes to the database, by outcome.", labels=["outcome"]
    )
    for outcome in FLUSH_OUTCOMES:
        flushes.add_metric([outcome], status.flushes.get(outcome, 0))
    yield flushes
    stages = CounterMetricFamily(
        "driftgauge_stage_seconds",
        "Seconds spent so far, by stage and by the thread that spends them.",
        labels=["stage", "thread"],
    )
    for stage, thread in STAGES.items():
        if stage in status.stage_seconds:
            stages.add_metric([stage, thread], status.stage_seconds[stage])
    yield stages
