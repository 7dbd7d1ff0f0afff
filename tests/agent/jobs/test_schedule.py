"""Jobs run when they should, whatever the wall clock does, and never hold up the agent's end."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from driftgauge.agent.clock import ManualClock, SystemClock
from driftgauge.agent.jobs.schedule import CronPlan, IntervalPlan, Job, JobPlan, Schedule
from driftgauge.storage import StoreUnavailable

SOON = 0.01
PATIENCE = 60.0


class Counter:
    """Work that counts its runs, fails as told, and says when it ran often enough."""

    def __init__(self, wanted: int, error: Exception | None = None) -> None:
        self.runs = 0
        self.at_once = 0
        self.most_at_once = 0
        self._wanted = wanted
        self._error = error
        self.done = threading.Event()

    def work(self) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.runs += 1
        self.at_once -= 1
        if self.runs >= self._wanted:
            self.done.set()
        if self._error is not None:
            raise self._error


def test_a_job_is_repeated_one_run_at_a_time_until_the_block_ends() -> None:
    counter = Counter(wanted=3)
    failures: list[Exception] = []
    with Schedule([Job("count", counter.work, SOON)], on_failure=failures.append):
        assert counter.done.wait(PATIENCE)
    after = counter.runs
    assert counter.most_at_once == 1
    assert failures == []
    assert not threading.Event().wait(5 * SOON)
    assert counter.runs == after


def test_what_another_try_may_cure_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    counter = Counter(wanted=2, error=StoreUnavailable("the database is away"))
    failures: list[Exception] = []
    caplog.set_level(logging.WARNING)
    with Schedule([Job("flaky", counter.work, SOON)], on_failure=failures.append):
        assert counter.done.wait(PATIENCE)
    assert failures == []
    assert "flaky failed and is retried at its next interval: the database is away" in caplog.text


def test_our_own_fault_is_reported_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    told = threading.Event()
    failures: list[Exception] = []

    def fail(error: Exception) -> None:
        failures.append(error)
        told.set()

    counter = Counter(wanted=1, error=ZeroDivisionError("a bug"))
    with Schedule([Job("broken", counter.work, SOON)], on_failure=fail):
        assert told.wait(PATIENCE)
    assert isinstance(failures[0], ZeroDivisionError)
    assert "broken failed; the agent stops" in caplog.text


def test_a_job_may_wait_before_its_first_run() -> None:
    soon, late = Counter(wanted=3), Counter(wanted=1)
    jobs = [
        Job("soon", soon.work, SOON),
        Job("late", late.work, SOON, first_after_seconds=PATIENCE),
    ]
    with Schedule(jobs, on_failure=lambda error: None):
        assert soon.done.wait(PATIENCE)
    assert late.runs == 0


START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR, YEAR = timedelta(hours=1), timedelta(days=365)


def runs_in(plan: JobPlan, clock: ManualClock, seconds: float, *, step: float = 0.5) -> list[float]:
    """Return when, in monotonic time, a job runs while *seconds* pass."""
    found, until = [], clock.monotonic() + seconds
    while clock.monotonic() < until:
        if plan.seconds_left() <= 0:
            plan.advance()
            found.append(clock.monotonic())
        clock.sleep(step)
    return found


@pytest.mark.parametrize("jump", [-HOUR, HOUR, -30 * YEAR, 30 * YEAR, timedelta(seconds=-7)])
def test_an_interval_does_not_heed_a_wall_clock_that_is_set(jump: timedelta) -> None:
    clock = ManualClock(START)
    plan = IntervalPlan(Job("monitor", print, 10.0, first_after_seconds=3.0), clock)
    assert runs_in(plan, clock, 20) == [3, 13]
    clock.set_wall(START + jump)
    assert runs_in(plan, clock, 30) == [23, 33, 43]


def test_runs_that_were_missed_are_not_made_up_for() -> None:
    clock = ManualClock(START)
    plan = IntervalPlan(Job("monitor", print, 10.0), clock)
    assert runs_in(plan, clock, 1) == [0]
    clock.sleep(1e9)  # decades, and no list of them
    late = clock.monotonic()
    assert runs_in(plan, clock, 10) == [late, late + 9]


def test_a_cron_entry_runs_at_the_wall_clock_s_times() -> None:
    clock = ManualClock(START)
    plan = CronPlan("30 * * * *", clock)
    assert runs_in(plan, clock, 3 * 3600, step=60) == [1800, 5400, 9000]


@pytest.mark.parametrize(("jump", "after"), [(-HOUR, 1800), (30 * YEAR, 1800), (HOUR / 4, 900)])
def test_a_cron_entry_is_planned_anew_when_the_wall_clock_is_set(
    jump: timedelta, after: float
) -> None:
    clock = ManualClock(START)
    plan = CronPlan("30 * * * *", clock)
    assert plan.seconds_left() == 1800
    clock.set_wall(START + jump)
    assert runs_in(plan, clock, 3600, step=10) == [after]


class JumpingClock(SystemClock):
    """The machine's monotonic time, with a wall clock that is set anew at every look."""

    def __init__(self) -> None:
        self._jump = timedelta()

    def now(self) -> datetime:
        self._jump = -2 * self._jump + HOUR
        return START + self._jump


def test_jobs_run_on_while_the_wall_clock_jumps() -> None:
    counter = Counter(wanted=5)
    job = Job("count", counter.work, SOON)
    with Schedule([job], on_failure=lambda error: None, clock=JumpingClock()):
        assert counter.done.wait(PATIENCE)


def test_a_job_that_hangs_holds_up_neither_the_others_nor_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hanging, release = threading.Event(), threading.Event()

    def hang() -> None:
        hanging.set()
        release.wait()

    counter = Counter(wanted=3)
    jobs = [Job("hang", hang, SOON), Job("count", counter.work, SOON)]
    caplog.set_level(logging.WARNING)
    with Schedule(jobs, on_failure=lambda error: None, leave_seconds=0.1):
        assert hanging.wait(PATIENCE)
        assert counter.done.wait(PATIENCE)
        begun = time.monotonic()
    assert time.monotonic() - begun < PATIENCE
    assert "the job 'hang' did not end within 0.1 s and is abandoned" in caplog.text
    release.set()


def test_a_malformed_cron_expression_is_refused_before_anything_runs() -> None:
    with pytest.raises(
        ValueError, match="'at night' is not a cron expression for the job 'nightly'"
    ):
        Schedule([Job("nightly", print, cron="at night")], on_failure=lambda error: None)
