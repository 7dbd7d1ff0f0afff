"""Periodic jobs; the only file that imports APScheduler."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType

from apscheduler.schedulers.background import (  # noqa: TID251 - the one door
    BackgroundScheduler,
)

from ..log import action

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """Work to repeat.

    Attributes:
        name: for the log.
        work: what to do; an error whose ``retryable`` is true waits for the next time, any other
            ends the agent.
        every_seconds: between two starts.
        first_after_seconds: before the first.
    """

    name: str
    work: Callable[[], object]
    every_seconds: float
    first_after_seconds: float = 0.0


class Schedule:
    """Runs jobs beside the loop, as a context manager; one run of a job at a time.

    Args:
        jobs: what to repeat.
        on_failure: told of an error that another try would not cure, in the job's thread.
    """

    def __init__(self, jobs: list[Job], *, on_failure: Callable[[Exception], None]) -> None:
        self._on_failure = on_failure
        self._stopping = threading.Event()
        self._scheduler = BackgroundScheduler(timezone=UTC)
        for job in jobs:
            self._scheduler.add_job(
                self._guarded,
                "interval",
                args=[job],
                seconds=job.every_seconds,
                next_run_time=datetime.now(UTC) + timedelta(seconds=job.first_after_seconds),
                id=job.name,
                coalesce=True,
                max_instances=1,
                misfire_grace_time=None,
            )

    def __enter__(self) -> Schedule:
        logging.getLogger("apscheduler").setLevel(logging.ERROR)  # late runs are not news
        self._scheduler.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._scheduler.shutdown(wait=True)

    def _guarded(self, job: Job) -> None:
        if self._stopping.is_set():
            return
        try:
            job.work()
        except Exception as error:  # any: a silent job would look like a healthy one
            if getattr(error, "retryable", False):
                log.warning(
                    "%s waits for its next turn: %s",
                    job.name,
                    error,
                    extra=action("job_waits", job=job.name),
                )
                return
            log.exception(
                "%s failed, the agent ends", job.name, extra=action("job_failed", job=job.name)
            )
            self._on_failure(error)
