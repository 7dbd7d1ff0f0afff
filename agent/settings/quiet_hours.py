"""Hours of the day in which people want to be left alone, as they write them: ``22:00-07:00``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time

_HOURS = re.compile(r"\s*(\d{1,2}:\d{2})\s*(?:-|to)\s*(\d{1,2}:\d{2})\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From *start* until before *end*, on the next day where *end* is the earlier of the two.

    >>> str(parse_quiet_hours("22:00 to 7:00"))
    '22:00-07:00'
    """

    start: time
    end: time

    def has(self, moment: time) -> bool:
        """Return whether *moment* is in these hours.

        >>> night = parse_quiet_hours("22:00-07:00")
        >>> [night.has(time(hour)) for hour in (21, 22, 3, 7)]
        [False, True, True, False]
        """
        if self.start < self.end:
            return self.start <= moment < self.end
        return moment >= self.start or moment < self.end

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


def parse_time(text: str) -> time:
    """Return a time of day.

    >>> parse_time("7:30")
    datetime.time(7, 30)

    Raises:
        ValueError: it is not written as hours and minutes.
    """
    hours, _, minutes = text.strip().partition(":")
    try:
        return time(int(hours), int(minutes))
    except ValueError:
        raise ValueError(f"{text!r} is not a time of day; write it as '07:30'") from None


def parse_quiet_hours(text: str) -> QuietHours | None:
    """Return the hours that *text* names, None for an empty text.

    Raises:
        ValueError: not of the form ``HH:MM-HH:MM``, or all day.
    """
    if not text.strip():
        return None
    found = _HOURS.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} are not quiet hours; write them as '22:00-07:00'")
    hours = QuietHours(parse_time(found.group(1)), parse_time(found.group(2)))
    if hours.start == hours.end:
        raise ValueError(f"{text!r} would hold every alert back; give two different times")
    return hours
