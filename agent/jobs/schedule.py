"""Periodic jobs next to the loop, planned so that no change of the wall clock disturbs them.

Intervals are counted by monotonic time. A cron expression means the wall clock, and its next time is
planned anew when that clock was set. APScheduler reads cron expressions, and this is the only file
that imports it; its own scheduler plans everything by the wall clock: set back by an hour it does
nothing for an hour, set ahead it makes up for each run that it takes for missed.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Protocol

from apscheduler.triggers.cron import CronTrigger  # noqa: TID251 - the one door

from ..clock import SystemClock
from ..log import action
from ..ports import Clock

log = logging.getLogger(__name__)

LEAVE_SECONDS = 5.0
LONGEST_WAIT_SECONDS = 10.0
"""Between two looks at the plan, so that a wall clock that was set is noticed soon."""

STEP_SECONDS = 1.0
"""A wall clock that differs from monotonic time by more than this was set."""


@dataclass(frozen=True, slots=True)
class Job:
    """Work to repeat.

    Attributes:
        name: for the log.
        work: what to do; an error whose ``retryable`` is true waits for the next time, any other
            ends the agent.
        every_seconds: between two starts.
        first_after_seconds: before the first.
        cron: in UTC, such as ``30 2 * * *``; stands in for both.
    """

    name: str
    work: Callable[[], object]
    every_seconds: float = math.inf
    first_after_seconds: float = 0.0
    cron: str | None = None


class JobPlan(Protocol):
    """When a job is next due."""

    def seconds_left(self) -> float:
        """Return how long it is until then; 0 or less when it is due."""

    def advance(self) -> None:
        """It runs now: plan the time after. Times that have passed are not made up for."""


class IntervalPlan:
    """Every so many seconds of monotonic time."""

    def __init__(self, job: Job, clock: Clock) -> None:
        self._every = job.every_seconds
        self._clock = clock
        self._due = clock.monotonic() + job.first_after_seconds

    def seconds_left(self) -> float:
        """Return the monotonic seconds that are left."""
        return self._due - self._clock.monotonic()

    def advance(self) -> None:
        """Go on to the first multiple of the interval that has not passed."""
        n_passed = math.floor(-self.seconds_left() / self._every)
        self._due += self._every * (n_passed + 1)


class CronPlan:
    """By a cron expression, at the wall clock's times."""

    def __init__(self, expression: str, clock: Clock) -> None:
        self._trigger = CronTrigger.from_crontab(expression, timezone=UTC)
        self._clock = clock
        self._offset = self._wall_offset()
        self._due = self._next()

    def seconds_left(self) -> float:
        """Return the wall clock's seconds that are left; plan again if that clock was set."""
        offset = self._wall_offset()
        if abs(offset - self._offset) > STEP_SECONDS:
            self._due = self._next()
        self._offset = offset
        return (self._due - self._clock.now()).total_seconds()

    def advance(self) -> None:
        """Go on to the next time that the expression names."""
        self._due = self._next()

    def _next(self) -> datetime:
        later = self._clock.now() + timedelta(microseconds=1)  # this very moment has been run
        found: datetime = self._trigger.get_next_fire_time(None, later)
        return found

    def _wall_offset(self) -> float:
        return self._clock.now().timestamp() - self._clock.monotonic()


def plan_of(job: Job, clock: Clock) -> JobPlan:
    """Return when *job* runs.

    Raises:
        ValueError: its cron expression is not one.
    """
    if not job.cron:
        return IntervalPlan(job, clock)
    try:
        return CronPlan(job.cron, clock)
    except ValueError as error:
        raise ValueError(
            f"{job.cron!r} is not a cron expression for the job {job.name!r}: {error}"
        ) from None


class Schedule:
    """Runs jobs concurrently with the loop, as a context manager; one run of a job at a time.

    Each job has a thread of its own that the interpreter does not wait for: a job that hangs holds
    up no other, and not the end of the process.

    Args:
        jobs: what to repeat.
        on_failure: receives an error that a retry would not cure, in the job's thread.
        leave_seconds: how long leaving waits for jobs that run; one that hangs is left behind.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        *,
        on_failure: Callable[[Exception], None],
        clock: Clock | None = None,
        leave_seconds: float = LEAVE_SECONDS,
    ) -> None:
        self._on_failure = on_failure
        self._leave_seconds = leave_seconds
        self._stopping = threading.Event()
        self._threads = {
            job.name: threading.Thread(
                target=self._repeat,
                args=(job, plan_of(job, clock or SystemClock())),
                name=f"job {job.name}",
                daemon=True,
            )
            for job in jobs
        }

    def __enter__(self) -> Schedule:
        for thread in self._threads.values():
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        clock = SystemClock()
        deadline = clock.monotonic() + self._leave_seconds
        for name, thread in self._threads.items():
            thread.join(max(0.0, deadline - clock.monotonic()))
            if thread.is_alive():
                log.warning(
                    "the job %r did not end within %.1f s and is abandoned",
                    *(name, self._leave_seconds),
                    extra=action("job_left", job=name),
                )

    def _repeat(self, job: Job, plan: JobPlan) -> None:
        while not self._stopping.is_set():
            left = plan.seconds_left()
            if left > 0:
                self._stopping.wait(min(left, LONGEST_WAIT_SECONDS))
                continue
            plan.advance()
            self._run(job)

    def _run(self, job: Job) -> None:
        try:
            job.work()
        except Exception as error:  # any: a silent job would look like a healthy one
            if getattr(error, "retryable", False):
                log.warning(
                    "%s failed and is retried at its next interval: %s",
                    job.name,
                    error,
                    extra=action("job_waits", job=job.name),
                )
                return
            log.exception(
                "%s failed; the agent stops", job.name, extra=action("job_failed", job=job.name)
            )
            self._on_failure(error)
