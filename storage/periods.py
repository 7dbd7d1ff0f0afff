"""Spans that rates are read by: UTC minutes, hours and days, or the windows as counted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

Period = Literal["window", "minute", "hour", "day"]


def floor(moment: datetime, period: Period) -> datetime:
    """Return the start of the period that holds *moment*.

    Example:
        >>> floor(datetime(2026, 1, 31, 9, 15, tzinfo=UTC), "day").isoformat()
        '2026-01-31T00:00:00+00:00'
    """
    moment = moment.astimezone(UTC)
    if period == "window":
        return moment
    whole = moment.replace(second=0, microsecond=0)
    if period == "minute":
        return whole
    return whole.replace(minute=0) if period == "hour" else whole.replace(hour=0, minute=0)
