"""When one segment's events arrive, and for how long it may be silent; by the database's clock alone.

Time is cut into cells of about a minute. A cell in which at least one event was counted is *active*. The
share of active cells by hour of the week is the segment's pattern, and a run of cells without one is a
pause. Pauses are measured in *paced* minutes: a minute counts in full in hours in which the segment sends
at least as often as on average, and in proportion in hours in which it sends more rarely. So a night or
a Sunday in which it never sends is no pause.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from .amounts import SIZE as AMOUNTS_SIZE
from .amounts import AmountPattern

Minutes = NDArray[np.float32]

DAY_HOURS, WEEK_HOURS = 24, 168
DAY_MINUTES, WEEK_MINUTES = 1440.0, 10_080.0
KEPT_DAYS = 28
"""For so many days the longest pause of a day counts."""

MOST_WATCHED = 480.0
"""Minutes of one hour of the week beyond which older weeks count half."""

LEAST_WATCHED = 45.0
"""Minutes that an hour must have been watched for its own share to count."""

LEAST_ARRIVALS = 10
"""Active cells without which no pause can be judged."""

FACTOR, FIRST_FACTOR = 2.0, 20.0
"""A pause is allowed `FACTOR` + `FIRST_FACTOR` / n times the longest of n before it."""

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_HEAD = struct.Struct("<BdqdddddIB")
_FORMAT = 1


@dataclass(slots=True)
class ArrivalPattern:
    """One segment's arrivals so far.

    Attributes:
        arrived_at: when an event was last counted.
        events: how many were ever counted.
        active: by hour of the week (UTC, Monday first), minutes of active cells.
        watched: by hour of the week, minutes of all cells.
        longest: by day, its longest pause in paced minutes; the newest day last.
        day: of the last entry of `longest`, in days since 1970.
        arrivals: active cells so far.
        pause: paced minutes since the last active cell.
        quiet_minutes: watched minutes since the last active cell.
        held_from: since when cells are held back, because the segment, or the whole stream, is told
            as silent; None while it is not.
        is_told: whether it is the segment that is told as silent.
        looked_at: end of the last cell.
        amounts: how much it sends.
    """

    arrived_at: datetime
    events: int
    active: Minutes = field(default_factory=lambda: np.zeros(WEEK_HOURS, np.float32))
    watched: Minutes = field(default_factory=lambda: np.zeros(WEEK_HOURS, np.float32))
    longest: Minutes = field(default_factory=lambda: np.zeros(KEPT_DAYS, np.float32))
    day: int = 0
    arrivals: float = 0.0
    pause: float = 0.0
    quiet_minutes: float = 0.0
    held_from: datetime | None = None
    is_told: bool = False
    looked_at: datetime = LONG_AGO
    amounts: AmountPattern = field(default_factory=AmountPattern)

    def look(self, start: datetime, end: datetime, *, arrived_at: datetime, events: int) -> bool:
        """Take in one watched cell; return whether the segment sent anything in it.

        Args:
            start: of the cell.
            end: of the cell.
            arrived_at: when an event of the segment was last counted.
            events: how many were counted until *end*.
        """
        self.looked_at = end
        is_active, came = events > self.events, events - self.events
        minutes = (end - start).total_seconds() / 60.0
        if is_active:
            self._end_pause(end)
            self.arrivals += 1.0
            self.arrived_at, self.events = arrived_at, events
        else:
            self.pause += minutes * self.pace(end)
            self.quiet_minutes += minutes
        if self.held_from is None:
            self._count(end, minutes, is_active=is_active)
            self.amounts.add(end, minutes, came)
        else:
            self.amounts.lose()
        return is_active

    def skip(self, end: datetime, *, arrived_at: datetime, events: int) -> bool:
        """Take in a cell in which nobody watched: it is neither pause nor pattern.

        Return whether the segment sent anything in it, or its backlog was counted.
        """
        self.looked_at = end
        self.amounts.lose()
        is_active = events > self.events
        if is_active:
            self.pause = 0.0  # how long it lasted, nobody knows
            self._end_pause(end)
            self.arrived_at, self.events = arrived_at, events
        return is_active

    def allowed(self, least_minutes: float) -> float | None:
        """Return the pause that is allowed, in paced minutes; None while too little is known.

        In the first day it is also at least as long as the segment was known before.
        """
        if self.arrivals < LEAST_ARRIVALS:
            return None
        known = float(self.watched.sum()) - (0.0 if self.held_from else self.quiet_minutes)
        first = known if known < DAY_MINUTES else 0.0
        factor = FACTOR + FIRST_FACTOR / self.arrivals
        return max(least_minutes, factor * float(self.longest.max()), first)

    def pace(self, at: datetime) -> float:
        """Return how much a minute at *at* counts, 0 to 1: by hour of week, else of day, else 1."""
        total = float(self.watched.sum())
        if total < DAY_MINUTES or not self.active.any():
            return 1.0
        mean = float(self.active.sum()) / total
        slot = _slot(at)
        if total >= WEEK_MINUTES and self.watched[slot] >= LEAST_WATCHED:
            return min(1.0, float(self.active[slot] / self.watched[slot]) / mean)
        hour = slice(slot % DAY_HOURS, None, DAY_HOURS)
        watched = float(self.watched[hour].sum())
        if watched < LEAST_WATCHED:
            return 1.0
        return min(1.0, float(self.active[hour].sum()) / watched / mean)

    def hold(self, at: datetime, *, is_told: bool) -> None:
        """Silence is told from *at* on: what the segment does not send is no pattern yet."""
        self.held_from = self.held_from or at
        self.is_told = self.is_told or is_told

    def release(self) -> None:
        """The stream's silence, of which the segment's was a part, is over: it may pause anew."""
        self.held_from = None
        self.pause = self.quiet_minutes = 0.0

    def _end_pause(self, at: datetime) -> None:
        day = int(at.timestamp() // 86_400)
        if day > self.day:
            moved = min(day - self.day, KEPT_DAYS)
            self.longest = np.concatenate([self.longest[moved:], np.zeros(moved, np.float32)])
            self.day = day
        if self.held_from is None:
            self.longest[-1] = max(float(self.longest[-1]), self.pause)
        else:
            self._learn_held(self.held_from, at)
        self.pause = self.quiet_minutes = 0.0
        self.held_from, self.is_told = None, False

    def _learn_held(self, begins: datetime, until: datetime) -> None:
        """A silence that has ended may be one that recurs, such as each night: learn its hours."""
        begins = max(begins, until - timedelta(minutes=WEEK_MINUTES))
        while begins < until:
            end = min(begins + timedelta(hours=1), until)
            self._count(begins, (end - begins).total_seconds() / 60.0, is_active=False)
            begins = end

    def _count(self, at: datetime, minutes: float, *, is_active: bool) -> None:
        slot = _slot(at)
        self.watched[slot] += minutes
        self.active[slot] += minutes if is_active else 0.0
        if self.watched[slot] > MOST_WATCHED:
            self.watched[slot] /= 2.0
            self.active[slot] /= 2.0

    def dump(self) -> bytes:
        """Return it compactly, for `load`."""
        held = self.held_from.timestamp() if self.held_from else -1.0
        looked = max(self.looked_at, self.arrived_at).timestamp()
        head = _HEAD.pack(
            _FORMAT, self.arrived_at.timestamp(), self.events,
            self.arrivals, self.pause, self.quiet_minutes, held, looked, self.day,
            self.is_told,
        )  # fmt: skip
        parts = (self.active, self.watched, self.longest)
        return head + b"".join(part.tobytes() for part in parts) + self.amounts.dump()

    @classmethod
    def load(cls, kept: bytes) -> ArrivalPattern | None:
        """Return what `dump` gave, of an earlier version without amounts too; None if it was another."""
        size = _HEAD.size + 4 * (2 * WEEK_HOURS + KEPT_DAYS)
        if len(kept) not in (size, size + AMOUNTS_SIZE) or kept[0] != _FORMAT:
            return None
        amounts = AmountPattern.load(kept[size:]) if len(kept) > size else AmountPattern()
        _, arrived, events, arrivals, pause, quiet, held, looked, day, is_told = _HEAD.unpack_from(
            kept
        )
        parts = np.frombuffer(kept[:size], np.float32, offset=_HEAD.size).copy()
        active, watched, longest = np.split(parts, [WEEK_HOURS, 2 * WEEK_HOURS])
        return cls(
            arrived_at=datetime.fromtimestamp(arrived, UTC),
            events=events,
            active=active,
            watched=watched,
            longest=longest,
            day=day,
            arrivals=arrivals,
            pause=pause,
            quiet_minutes=quiet,
            held_from=datetime.fromtimestamp(held, UTC) if held >= 0 else None,
            is_told=bool(is_told),
            looked_at=datetime.fromtimestamp(looked, UTC),
            amounts=amounts,
        )


def _slot(at: datetime) -> int:
    return at.weekday() * DAY_HOURS + at.hour
