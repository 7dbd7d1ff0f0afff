"""The times that a cron expression names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger  # noqa: TID251 - beside schedule.py the only one


def cron_times(
    expression: str, time_zone: str, *, after: datetime, until: datetime
) -> Iterator[datetime]:
    """Give each time after *after* and up to *until* that *expression* names, UTC.

    Raises:
        ValueError: it is not a cron expression.
    """
    trigger = CronTrigger.from_crontab(expression, timezone=ZoneInfo(time_zone))
    at: datetime | None = after
    while at is not None:
        at = trigger.get_next_fire_time(None, at + timedelta(microseconds=1))
        if at is None or at > until:
            return
        at = at.astimezone(UTC)
        yield at
