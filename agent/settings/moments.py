"""Moments as people write them: ``yesterday``, ``2 hours ago``, ``monday``, ``2026-03-01T12:00``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta

from .durations import parse_duration

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_AGO = re.compile(r"(?:last\s+)?(.+?)(?:\s+ago)?", re.IGNORECASE)


def parse_moment(text: str, now: datetime) -> datetime:
    """Return the moment that *text* names, in UTC unless it says otherwise.

    Args:
        text: a duration ago (``2 hours``, ``2 hours ago``, ``last week``); ``now``, ``today`` or
            ``yesterday``; a weekday, the latest; a time of today, such as ``14:30``; or a date or
            time in ISO 8601.
        now: aware.

    >>> now = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)  # a Wednesday
    >>> for words in ("yesterday", "monday", "wednesday", "90 min ago", "last week", "08:15"):
    ...     print(f"{parse_moment(words, now):%a %d %H:%M}")
    Tue 03 00:00
    Mon 02 00:00
    Wed 04 00:00
    Wed 04 08:00
    Wed 25 09:30
    Wed 04 08:15

    Raises:
        ValueError: it names none.
    """
    words = text.strip().lower()
    midnight = datetime.combine(now.astimezone(UTC).date(), time(), UTC)
    named = {"now": now, "today": midnight, "yesterday": midnight - timedelta(days=1)}
    day = words.removeprefix("last ")
    if words in named:
        return named[words]
    if day in _WEEKDAYS:
        return midnight - timedelta(days=(midnight.weekday() - _WEEKDAYS.index(day)) % 7)
    return _written(text.strip(), midnight) or _ago(text, now)


def _written(text: str, midnight: datetime) -> datetime | None:
    """Return a date or time in ISO 8601, None where it is none."""
    try:
        if re.fullmatch(r"\d\d:\d\d(:\d\d)?", text):
            return datetime.combine(midnight.date(), time.fromisoformat(text), UTC)
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _ago(text: str, now: datetime) -> datetime:
    found = _AGO.fullmatch(text.strip())
    try:
        return now - parse_duration(found.group(1) if found else text)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r} is no moment; write a duration ago, such as '2 hours', a day, such as "
            "yesterday or monday, or a time, such as 2026-03-01T12:00 (UTC)"
        ) from None
