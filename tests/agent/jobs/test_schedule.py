from __future__ import annotations

import logging
import threading

import pytest

from driftgauge.agent.jobs.schedule import Job, Schedule
from driftgauge.storage import StoreUnavailable

SOON = 0.01
PATIENCE = 10.0


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
    assert "flaky waits for its next turn: the database is away" in caplog.text


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
    assert "broken failed, the agent ends" in caplog.text


def test_a_job_may_wait_before_its_first_run() -> None:
    soon, late = Counter(wanted=3), Counter(wanted=1)
    jobs = [
        Job("soon", soon.work, SOON),
        Job("late", late.work, SOON, first_after_seconds=PATIENCE),
    ]
    with Schedule(jobs, on_failure=lambda error: None):
        assert soon.done.wait(PATIENCE)
    assert late.runs == 0
