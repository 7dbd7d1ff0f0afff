"""Starts a retraining when one is due: by the database's clock and its rows, so that no restart loses one."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING

from driftgauge.storage import RetrainingRecord

from ..log import action
from ..retrain.lease_keeper import is_free
from ..retrain.own_process import start_apart
from ..settings.durations import parse_duration
from ..settings.sections import RetrainSection
from .cron_times import cron_times

if TYPE_CHECKING:
    from .jobs import JobTools

LOOK_SECONDS = 60.0
SCHEDULE = "schedule"
_MOST_MISSED = 1000

log = logging.getLogger(__name__)


def is_planned(retrain: RetrainSection) -> bool:
    """Return whether retrainings start by themselves."""
    return bool(retrain.schedule or retrain.every)


def due_times(retrain: RetrainSection, last: datetime, now: datetime) -> list[datetime]:
    """Return the planned times that have passed since *last*, the start before; empty if none has."""
    if retrain.schedule:
        times = cron_times(retrain.schedule, retrain.time_zone, after=last, until=now)
        return [at for at, _ in zip(times, range(_MOST_MISSED), strict=False)]
    every = parse_duration(retrain.every)
    n_passed = min((now - last) // every, _MOST_MISSED)
    return [last + every * (n + 1) for n in range(n_passed)]


def start_due_retraining(tools: JobTools) -> None:
    """Start one if a planned time has passed, or if one was interrupted; missed ones are made up for once."""
    now, records = tools.store.clock(), tools.store.retrainings.all(tools.stream, limit=50)
    if records and records[0].state == "running":
        if is_free(tools.store, tools.stream, tools.agent):
            _start(tools, f"retraining {records[0].id} was interrupted and goes on")
        return
    last = _last_start(tools, records)
    if last is None:
        return
    due = due_times(tools.settings.retrain, last, now)
    if not due or not is_free(tools.store, tools.stream, tools.agent):
        return
    missed = len(due) - 1
    words = f"; {missed} planned before it were missed and are made up for by this one" * (
        missed > 0
    )
    _start(tools, f"the retraining of {due[-1]:%Y-%m-%d %H:%M} UTC is due{words}")


def _last_start(tools: JobTools, records: list[RetrainingRecord]) -> datetime | None:
    """Return when the last one started; before the first, since when there is a detector."""
    retrain = tools.settings.retrain
    starts = [one.started_at for one in records if retrain.every or one.trigger == SCHEDULE]
    if starts:
        return max(starts)
    active = tools.store.active_detector(tools.stream)
    return None if active is None else active.created_at


def _start(tools: JobTools, why: str) -> None:
    pid = start_apart(["--trigger", SCHEDULE], tools.settings.detector.path)
    log.info("%s: process %s", why, pid, extra=action("retraining_started", pid=pid))
