"""Metrics say what happened, in base units, under labels that cannot grow."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest
from prometheus_client import generate_latest  # noqa: TID251 - reads what is exposed

from driftgauge.agent import errors
from driftgauge.agent.loop.activity import BatchScored, FlushEnded
from driftgauge.agent.loop.lag import LagReading
from driftgauge.agent.ports import Scored
from driftgauge.agent.telemetry import Metrics
from driftgauge.agent.telemetry.loop_collector import LoopCollector

from ...services import go_without
from .pretend_loop import ABOUT, PretendLoop


@pytest.fixture
def loop() -> PretendLoop:
    return PretendLoop()


@pytest.fixture
def metrics(loop: PretendLoop) -> Metrics:
    made = Metrics(alpha=0.01)
    made.registry.register(LoopCollector(loop.status, loop.clock, ABOUT))
    return made


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"driftgauge_{name}", labels)


def scored(*p_values: float) -> Scored:
    combined = np.array([[0.5, p_value] for p_value in p_values])
    return Scored(scores=np.zeros_like(combined), p_values=combined)


def test_batches_are_counted_with_what_is_unusual_in_them(metrics: Metrics) -> None:
    metrics.hear(BatchScored(scored(0.5, 0.01, 0.0001, 0.02)))
    metrics.hear(BatchScored(scored(0.3)))
    assert value(metrics, "events_out_of_distribution_total") == 2
    assert value(metrics, "batch_events_count") == 2
    assert value(metrics, "batch_events_sum") == 5
    assert value(metrics, "batch_events_bucket", le="1.0") == 1


def test_only_a_written_flush_is_timed(metrics: Metrics) -> None:
    metrics.hear(FlushEnded("written", 0.03))
    metrics.hear(FlushEnded("empty", 0.001))
    metrics.hear(FlushEnded("failed", 10))
    assert value(metrics, "flush_duration_seconds_count") == 1
    outcomes = ("written", "empty", "stale", "failed")
    counts = [value(metrics, "flushes_total", outcome=outcome) for outcome in outcomes]
    assert counts == [1, 1, 0, 1]


def test_the_loops_status_is_read_at_each_scrape(loop: PretendLoop, metrics: Metrics) -> None:
    loop.clock.sleep(9)
    assert value(metrics, "turn_age_seconds") == 9
    assert value(metrics, "queue_events") == 3
    assert value(metrics, "partitions_assigned") == 2
    assert value(metrics, "partitions_paused") == 0
    loop.changes["is_paused"] = True
    loop.lose("database")
    assert value(metrics, "partitions_paused") == 2
    assert value(metrics, "dependency_unavailable", dependency="database") == 1
    assert value(metrics, "dependency_unavailable", dependency="broker") == 0


def test_lag_is_told_by_partition_with_its_age(loop: PretendLoop, metrics: Metrics) -> None:
    loop.clock.sleep(10)
    assert value(metrics, "lag_events", partition="0") == 7
    assert value(metrics, "lag_seconds", partition="0") == 40
    assert value(metrics, "lag_seconds", partition="1") == 0
    assert value(metrics, "lag_age_seconds") == 10
    loop.changes["lag"] = LagReading()
    assert value(metrics, "lag_events", partition="0") is None
    assert value(metrics, "lag_age_seconds") is None


def test_tombstones_and_predictions_are_counted_apart(loop: PretendLoop, metrics: Metrics) -> None:
    loop.changes["n_predictions"] = 7
    assert value(metrics, "records_passed_over_total", kind="tombstone") == 6
    assert value(metrics, "records_passed_over_total", kind="prediction") == 7


def test_labels_cannot_grow(loop: PretendLoop, metrics: Metrics) -> None:
    unknown = {f"Error{number}": 1 for number in range(1000)}
    loop.changes["dead_letters"] = unknown | {"EventDecodeError": 1}
    assert value(metrics, "events_dead_lettered_total", reason="other") == 1000
    assert value(metrics, "events_dead_lettered_total", reason="EventDecodeError") == 1
    text = generate_latest(metrics.registry).decode()
    assert "a stage of your own" not in text
    assert len(text.splitlines()) < 250


def test_every_fault_of_an_event_is_a_reason_of_its_own(
    loop: PretendLoop, metrics: Metrics
) -> None:
    names = [
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.EventError)
    ]
    assert len(names) >= 3
    for name in names:
        loop.changes["dead_letters"] = {name: 1}
        assert value(metrics, "events_dead_lettered_total", reason=name) == 1


def test_promtool_finds_nothing_to_complain_about(metrics: Metrics) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        go_without("promtool", "install Debian's prometheus")
    metrics.set_alerts({"open": 1, "acknowledged": 0})
    checked = subprocess.run(
        [promtool, "check", "metrics"],
        input=generate_latest(metrics.registry),
        capture_output=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout + checked.stderr == b""
