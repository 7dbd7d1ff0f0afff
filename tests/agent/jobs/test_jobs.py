"""The table of jobs: what each does, on which agent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

from driftgauge.agent.clock import ManualClock
from driftgauge.agent.drift.monitor import Monitor
from driftgauge.agent.jobs.jobs import JOBS, JobRow, JobTools, build_jobs
from driftgauge.agent.jobs.presence import Presence
from driftgauge.agent.jobs.schedule import Job
from driftgauge.agent.jobs.sent_taps_watch import SentTapsWatch
from driftgauge.agent.loop.status import LoopStatus
from driftgauge.agent.ports import Clock
from driftgauge.agent.promote.detector_watch import DetectorWatch, Loop
from driftgauge.agent.promote.monitors import Monitors
from driftgauge.agent.settings.load import Settings, load_settings
from driftgauge.agent.telemetry import Metrics
from driftgauge.agent.wiring.keep import build_kept_upkeep
from driftgauge.agent.wiring.monitor import (
    build_power_meter,
    build_silence_watch,
    monitor_settings,
)
from driftgauge.agent.wiring.notify import build_delivery
from driftgauge.agent.wiring.retrain import build_trial
from driftgauge.storage import DetectorRecord, HistogramRows, SegmentAdvance, Store

from ...stores import DETECTOR, START, STREAM, TOPIC, advance, evidence, flush, upgraded, window
from ..drift.streams import windows_of
from ..telemetry.pretend_loop import PretendLoop

MONITOR_LEASE = f"monitor/{STREAM}/{DETECTOR}"
SETTINGS = f"""
[stream]
name = "{STREAM}"
topic = "{TOPIC}"
[model]
factory = "a:b"
[monitor]
interval_seconds = 5
[evidence]
keep_days = 7
[keep]
path = "memory://jobs"
"""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def tools(tmp_path: Path, clock: ManualClock) -> Iterator[JobTools]:
    """Give what the jobs of the agent ``a`` work with."""
    (tmp_path / "driftgauge.toml").write_text(SETTINGS)
    settings = load_settings(tmp_path / "driftgauge.toml")
    database = upgraded(f"sqlite:///{tmp_path}/driftgauge.db")
    store = Store(database, now=clock.now)
    store.ensure_stream(STREAM, TOPIC, 60)
    yield JobTools(
        agent="a",
        settings=settings,
        store=store,
        clock=clock,
        metrics=Metrics(alpha=0.01),
        monitors=Monitors(store, STREAM, partial(build_one, store, settings)),
        watch=watching(store, clock, "d"),
        trial=build_trial(settings, store),
        silence=build_silence_watch(settings, store, "d"),
        power=partial(build_power_meter, settings, store),
        delivery=build_delivery(settings, store),
        presence=Presence(store, PretendLoop(clock).status, clock, name="a", stream=STREAM),
        sent_taps=SentTapsWatch(store, PretendLoop(clock).status, clock, agent="a", stream=STREAM),
        kept_upkeep=build_kept_upkeep(settings, store),
    )
    database.close()


def named(tools: JobTools, name: str) -> Job:
    (found,) = [job for job in build_jobs(tools) if job.name == name]
    return found


def test_every_job_of_the_table_runs(tools: JobTools) -> None:
    jobs = build_jobs(tools)
    for job in jobs:
        job.work()
    assert {job.name for job in jobs} == {row.name for row in JOBS} - {
        "alert delivery",  # nobody is to be told
        "heartbeat",
        "retraining",  # no schedule
    }
    assert [row.agent for row in tools.store.agents(STREAM)] == ["a"]


def test_a_job_runs_as_often_as_the_settings_say(tools: JobTools) -> None:
    monitor = named(tools, "monitor")
    assert (monitor.every_seconds, monitor.first_after_seconds) == (5.0, 60.0)


def test_events_are_pruned_by_the_settings(tools: JobTools, clock: ManualClock) -> None:
    tools.store.flush(flush(advance(None, 1), evidence=[evidence(0, minute=9e3)]))
    clock.set_wall(START + timedelta(days=6))
    tools.store.flush(flush(advance(1, 2), evidence=[evidence(1)]))
    clock.set_wall(START + timedelta(days=7, minutes=1))
    ahead = replace(tools, clock=ManualClock(START + timedelta(days=4000)))  # this agent's is wrong
    named(ahead, "evidence pruning").work()
    assert [row.offset for row in tools.store.evidence(STREAM)] == [1]


def test_one_agent_at_a_time_does_what_has_a_lease(tools: JobTools, clock: ManualClock) -> None:
    done: list[str] = []
    row = JobRow(
        name="report",
        work=lambda tools: done.append(tools.agent),
        every_seconds=lambda settings: 5.0,
        lease_seconds=lambda settings: 30.0,
    )
    (first,), (second,) = (build_jobs(replace(tools, agent=name), [row]) for name in "ab")
    for job in (first, second, first, second):
        job.work()
    assert done == ["a", "a"]
    tools.presence.leave()  # a clean leave gives the leases back
    second.work()
    assert done == ["a", "a", "b"]
    clock.sleep(31)  # b was killed
    first.work()
    assert done == ["a", "a", "b", "a"]


class SlowReads:
    """The store, in which each reading of windows takes seconds, and others try to take the lease."""

    def __init__(self, tools: JobTools, clock: ManualClock, *, seconds: float) -> None:
        self._tools, self._clock, self._seconds = tools, clock, seconds
        self.reads, self.taken = 0, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._tools.store, name)

    def histograms(self, *args: Any, **more: Any) -> HistogramRows:
        self._clock.sleep(self._seconds)
        self.reads += 1
        self.taken += self._tools.store.acquire_lease(MONITOR_LEASE, "b", ttl_seconds=30)
        return self._tools.store.histograms(*args, **more)


def changed_cameras(tools: JobTools, clock: ManualClock, n: int) -> dict[str, np.ndarray]:
    """Count three windows in which every image of *n* cameras is unusual; return their reference."""
    names = [f"camera={number}" for number in range(n)]
    rows = [window({0: 32}, segment=name, minute=minute) for minute in range(3) for name in names]
    at = START + timedelta(minutes=4)
    moved = [SegmentAdvance(name, at) for name in names]
    tools.store.flush(
        replace(flush(advance(None, 9, event_time_max=at), windows=rows), segments=moved)
    )
    clock.set_wall(at)
    p_values = np.random.default_rng(1).random(60 * 32)
    return dict.fromkeys(names, windows_of(p_values, 32)[:, None])


def judging(tools: JobTools, store: SlowReads, reference: dict[str, np.ndarray]) -> JobTools:
    monitor = Monitor(
        store,  # type: ignore[arg-type]  # stands in for the store
        detector=DETECTOR,
        columns=("*",),
        reference=reference,
        settings=monitor_settings(tools.settings),
    )
    record = DetectorRecord(DETECTOR, STREAM, "file:d", START, "candidate", {})
    tools.store.register_detector(record)
    return replace(
        tools,
        monitors=Monitors(tools.store, STREAM, lambda record, *, is_shadow: monitor),
        watch=watching(tools.store, tools.clock, DETECTOR),
    )


def test_the_lease_is_kept_while_many_changes_are_read_one_by_one(
    tools: JobTools, clock: ManualClock
) -> None:
    """Reading what a change looks like took 40 to 120 ms: of a thousand cameras, longer than the lease."""
    reference = changed_cameras(tools, clock, 20)
    store = SlowReads(tools, clock, seconds=4.0)
    named(judging(tools, store, reference), "monitor").work()
    assert store.reads >= 20
    assert store.taken == 0
    assert len(tools.store.alerts(STREAM)) == 20


def test_who_has_lost_the_lease_meanwhile_writes_nothing_and_leaves_the_rest(
    tools: JobTools, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    reference = changed_cameras(tools, clock, 3)
    store = SlowReads(tools, clock, seconds=45.0)  # longer than the lease
    named(judging(tools, store, reference), "monitor").work()
    assert store.taken == 1
    assert tools.store.alerts(STREAM) == []
    assert "another agent took over judging" in caplog.text
    clock.sleep(60)
    named(judging(tools, SlowReads(tools, clock, seconds=0.0), reference), "monitor").work()
    assert len(tools.store.alerts(STREAM)) == 3


def test_agents_of_two_detectors_both_judge_until_the_last_has_changed(tools: JobTools) -> None:
    for name in ("d1", "d2"):
        record = DetectorRecord(name, STREAM, f"file:{name}", START, "candidate", {})
        tools.store.register_detector(record)
    for name, detector in (("a", "d1"), ("b", "d2"), ("c", "d2")):
        watch = watching(tools.store, tools.clock, detector)
        named(replace(tools, agent=name, watch=watch), "monitor").work()
    for holder, detector in (("a", "d1"), ("b", "d2")):
        lease = f"monitor/{STREAM}/{detector}"
        assert tools.store.acquire_lease(lease, holder, ttl_seconds=30)
        assert not tools.store.acquire_lease(lease, "c", ttl_seconds=30)


def build_one(
    store: Store, settings: Settings, record: DetectorRecord, *, is_shadow: bool = False
) -> Monitor:
    return Monitor(
        store,
        detector=record.detector,
        columns=("*",),
        reference={},
        settings=monitor_settings(settings),
        is_silent=is_shadow,
    )


def watching(store: Store, clock: Clock, current: str) -> DetectorWatch:
    """Return a watch of an agent that scores with *current*; nobody is promoted here."""
    status = LoopStatus(started_at=0, turned_at=0, flushed_at=0, detector=current)

    def refuse(*following: object) -> NoReturn:
        raise AssertionError(following)

    loop = Loop(lambda: status, refuse)
    return DetectorWatch(store, loop, clock, stream=STREAM, current=current, prepare=refuse)


def test_names_of_jobs_are_told_apart() -> None:
    assert len({row.name for row in JOBS}) == len(JOBS)
