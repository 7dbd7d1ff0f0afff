"""Keeping the history quick and small: roll-up and retention, a step at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from driftgauge.storage import KeepSpans

from ..log import action
from ..ports import Clock

if TYPE_CHECKING:
    from ..settings.sections.store import StoreSection
    from .jobs import JobTools

ROLL_UP_SECONDS = 60.0
RETENTION_SECONDS = 3600.0
LEASE_SECONDS = 600.0
PAUSE = 4.0
"""Times as long as a step took: four fifths of the time are left to those who wait to write, such as flushes."""

log = logging.getLogger(__name__)


def keep_spans(store: StoreSection) -> KeepSpans:
    """Return how long the settings keep each level; None for ever."""
    days = {
        "window": store.keep_windows_days,
        "hour": store.keep_hours_days,
        "day": store.keep_days_days,
    }
    return {level: timedelta(days=n) if n else None for level, n in days.items()}


def roll_up(tools: JobTools) -> None:
    """Add the windows that have closed to the hours and days."""
    upkeep = tools.store.upkeep
    for _ in _beside_others(iter(upkeep.roll_up_some, 0), tools.clock):
        pass


def retain(tools: JobTools) -> None:
    """Drop what is older than the settings keep."""
    steps = tools.store.upkeep.retain(tools.stream, keep_spans(tools.settings.store))
    n_dropped = sum(_beside_others(steps, tools.clock))
    if n_dropped:
        log.info(
            "dropped %s rows of the history that are older than the settings keep",
            n_dropped,
            extra=action("history_dropped", rows=n_dropped),
        )


def _beside_others(steps: Iterator[int], clock: Clock) -> Iterator[int]:
    """Give what *steps* give, for at most half a lease, with a pause after each."""
    began = at = clock.monotonic()
    for n in steps:
        yield n
        now = clock.monotonic()
        if now - began > LEASE_SECONDS / 2:
            return
        clock.sleep(PAUSE * (now - at))
        at = clock.monotonic()
