from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from driftgauge.agent.clock import ManualClock
from driftgauge.agent.jobs import due_retraining as module
from driftgauge.agent.jobs.due_retraining import due_times, start_due_retraining
from driftgauge.agent.jobs.jobs import JobTools, build_jobs
from driftgauge.agent.retrain.lease_keeper import lease_name
from driftgauge.agent.settings.sections import RetrainSection
from driftgauge.storage import DetectorRecord

from ...stores import START, STREAM
from .test_jobs import clock, tools

__all__ = ["clock", "tools"]
WEEKLY = RetrainSection(schedule="0 3 * * SUN", time_zone="Europe/Berlin")
DAY = timedelta(days=1)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    found: list[Sequence[str]] = []

    def start(arguments: Sequence[str], folder: Path) -> int:
        found.append(arguments)
        return 7

    monkeypatch.setattr(module, "start_apart", start)
    return found


def planned(tools: JobTools, retrain: RetrainSection) -> JobTools:
    from dataclasses import replace

    settings = tools.settings.model_copy(update={"retrain": retrain})
    tools.store.register_detector(DetectorRecord("d1", STREAM, "d1", START, "active", {}))
    return replace(tools, settings=settings)


def test_a_schedule_means_the_wall_clock_of_its_zone() -> None:
    summer, winter = datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    (first,) = due_times(WEEKLY, summer, summer + 7 * DAY)
    (second,) = due_times(WEEKLY, winter, winter + 7 * DAY)
    assert (first.hour, second.hour) == (1, 2)
    assert first.weekday() == second.weekday() == 6


def test_an_interval_counts_from_the_start_before() -> None:
    weekly = RetrainSection(every="7 days")
    assert due_times(weekly, START, START + 6 * DAY) == []
    assert due_times(weekly, START, START + 15 * DAY) == [START + 7 * DAY, START + 14 * DAY]


def test_a_due_retraining_is_started_once_however_many_were_missed(
    tools: JobTools,
    clock: ManualClock,
    started: list[Sequence[str]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    tools = planned(tools, RetrainSection(every="1 day"))
    start_due_retraining(tools)
    assert started == []
    clock.sleep(3.5 * 86400)
    start_due_retraining(tools)
    assert started == [["--trigger", "schedule"]]
    assert "2 planned before it were missed and are made up for by this one" in caplog.text
    record = tools.store.retrainings.begin(
        STREAM, trigger="schedule", by="schedule", basis="d1", plan={}
    )
    tools.store.retrainings.finish(record.id, "refused", reason="too little")
    start_due_retraining(tools)
    assert len(started) == 1
    clock.sleep(86400)
    start_due_retraining(tools)
    assert len(started) == 2


def test_one_that_runs_is_left_alone_and_one_that_was_killed_goes_on(
    tools: JobTools, clock: ManualClock, started: list[Sequence[str]]
) -> None:
    tools = planned(tools, WEEKLY)
    tools.store.retrainings.begin(STREAM, trigger="person", by="ada", basis="d1", plan={})
    tools.store.acquire_lease(lease_name(STREAM), "another", ttl_seconds=60)
    start_due_retraining(tools)
    assert started == []
    clock.sleep(61)
    start_due_retraining(tools)
    assert len(started) == 1


def test_the_job_is_there_where_a_schedule_is_set(tools: JobTools) -> None:
    assert "retraining" not in {job.name for job in build_jobs(tools)}
    assert "retraining" in {job.name for job in build_jobs(planned(tools, WEEKLY))}
