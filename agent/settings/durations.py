"""Durations and false-alarm budgets as people write them: ``1 day``, ``1 per 30 days``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

UNIT_SECONDS = {
    "second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800, "month": 2592000,
    "year": 31536000,
}  # fmt: skip
"""A month is 30 days, a year 365."""

_SHORT = {"s": "second", "sec": "second", "min": "minute", "h": "hour", "d": "day", "w": "week"}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)?\s*([a-z]+)\s*", re.IGNORECASE)
_BUDGET = re.compile(r"\s*(\d+(?:\.\d+)?)\s+per\s+(.+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FalseAlarmBudget:
    """How many false alarms a person accepts.

    Attributes:
        alarms: how many, more than zero.
        span: in how long.
    """

    alarms: float
    span: timedelta

    @property
    def seconds_between(self) -> float:
        """Seconds of event time between two false alarms, on average."""
        return self.span.total_seconds() / self.alarms

    def __str__(self) -> str:
        return f"{self.alarms:g} per {duration_in_words(self.span)}"


def parse_duration(text: str) -> timedelta:
    """Return the duration that *text* names.

    >>> parse_duration("90 min")
    datetime.timedelta(seconds=5400)
    >>> parse_duration("day")
    datetime.timedelta(days=1)

    Raises:
        ValueError: not a number and a unit, or not more than zero.
    """
    found = _DURATION.fullmatch(text)
    unit = _unit(found.group(2)) if found else None
    if found is None or unit is None:
        raise ValueError(
            f"{text!r} is not a duration; write a number and a unit, such as '1 day', '90 minutes' "
            f"or '12 hours' (units: {', '.join(UNIT_SECONDS)})"
        )
    seconds = float(found.group(1) or 1) * UNIT_SECONDS[unit]
    if seconds <= 0:
        raise ValueError(f"{text!r} must be more than zero")
    return timedelta(seconds=seconds)


def parse_budget(text: str) -> FalseAlarmBudget:
    """Return the false-alarm budget that *text* names.

    >>> str(parse_budget("1 per 30 days"))
    '1 per 30 days'
    >>> parse_budget("2 per week").seconds_between
    302400.0

    Raises:
        ValueError: not of the form ``NUMBER per DURATION``, or not more than zero.
    """
    found = _BUDGET.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{text!r} is not a budget; write how many false alarms in how long, "
            "such as '1 per 30 days' or '2 per week'"
        )
    alarms = float(found.group(1))
    if alarms <= 0:
        raise ValueError(f"{text!r} allows no false alarm at all, which no test can guarantee")
    return FalseAlarmBudget(alarms, parse_duration(found.group(2)))


def duration_in_words(span: timedelta) -> str:
    """Return *span* in the largest unit that divides it.

    >>> duration_in_words(timedelta(hours=36)), duration_in_words(timedelta(days=30))
    ('36 hours', '30 days')
    """
    seconds = span.total_seconds()
    unit = next(
        (name for name in ("day", "hour", "minute") if seconds % UNIT_SECONDS[name] == 0), "second"
    )
    number = seconds / UNIT_SECONDS[unit]
    return f"{number:g} {unit}" + ("" if number == 1 else "s")


def _unit(word: str) -> str | None:
    word = word.lower()
    unit = _SHORT.get(word) or _SHORT.get(word.rstrip("s")) or word.removesuffix("s")
    return unit if unit in UNIT_SECONDS else None
