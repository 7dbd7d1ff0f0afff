"""How much one segment sends, by hour of the week, and whether it is much less than it ever is.

Hours are those of the database's clock. What an hour brought is compared with the mean of the same hour of earlier
weeks; of three hours in a row the share of the usual amount is kept, and the lowest share of each day.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

WEEK_HOURS, DAY_HOURS = 168, 24
KEPT_DAYS = 28
HOURS = 3
"""Hours in a row whose share is looked at."""
LEAST_MINUTES = 45.0
"""Minutes that an hour must have been watched to count."""
LEAST_USUAL = 30.0
"""Images that the hours usually bring; fewer say nothing."""
LEAST_SHARES = 24
"""Shares without which none is judged."""
MOST_SHARE = 0.5
"""More than this share of the usual amount is never told."""
FACTOR, FIRST_FACTOR = 2.0, 20.0
"""A share is told that is `FACTOR` + `FIRST_FACTOR` / n times below the lowest of n before it."""
BACK_FACTOR = 1.5
"""It is over at a share that is less than so many times below the lowest."""
MOST_WEEKS = 8
"""Beyond so many weeks, older ones fade."""
RELEARN = timedelta(days=7)
"""What has lasted for so long is the pattern from now on."""

_HEAD = struct.Struct(f"<iidddI{3 * HOURS}d")
_ARRAYS = ((np.float32, WEEK_HOURS), (np.uint8, WEEK_HOURS), (np.float32, KEPT_DAYS))
SIZE = _HEAD.size + sum(np.dtype(kind).itemsize * many for kind, many in _ARRAYS)


@dataclass(slots=True)
class AmountPattern:
    """One segment's amounts so far.

    Attributes:
        usual: images a minute, by hour of the week (UTC, Monday first).
        weeks: how many weeks each is the mean of.
        lowest: by day, the lowest share of the usual amount; the newest day last.
        day: of the last entry of `lowest`, in days since 1970.
        slot: hour of the week in progress; -1 before the first.
        events: that it brought.
        minutes: for which it was watched.
        n_shares: shares that were not told.
        last: of the last `HOURS` hours, images and usual images; nan where not known.
        waiting: shares of these hours, which are noted later: they may be the beginning of a lack.
        fewer_from: since when it is told that it sends less; None while it is not.
    """

    usual: NDArray[np.float32] = field(default_factory=lambda: np.zeros(WEEK_HOURS, np.float32))
    weeks: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(WEEK_HOURS, np.uint8))
    lowest: NDArray[np.float32] = field(
        default_factory=lambda: np.full(KEPT_DAYS, np.inf, np.float32)
    )
    day: int = 0
    slot: int = -1
    events: float = 0.0
    minutes: float = 0.0
    n_shares: int = 0
    last: NDArray[np.float64] = field(default_factory=lambda: np.full((HOURS, 2), np.nan))
    waiting: NDArray[np.float64] = field(default_factory=lambda: np.full(HOURS, np.nan))
    fewer_from: datetime | None = None

    @property
    def share(self) -> float | None:
        """Images of the last hours, as a share of the usual amount; None where that is not known."""
        came, usual = self.last.sum(axis=0)
        return float(came / usual) if usual >= LEAST_USUAL else None

    @property
    def is_fewer(self) -> bool:
        """Whether the last hours brought much less than any before."""
        share = self.share
        if share is None or self.n_shares < LEAST_SHARES or share > MOST_SHARE:
            return False
        factor = FACTOR + FIRST_FACTOR / self.n_shares
        return share * factor < float(self.lowest.min())

    @property
    def is_back(self) -> bool:
        """Whether the last hours brought as much as some before."""
        share = self.share
        return share is not None and share * BACK_FACTOR >= min(float(self.lowest.min()), 1.0)

    def add(self, end: datetime, minutes: float, events: int) -> None:
        """Count a watched cell that ends at *end*."""
        slot = end.weekday() * DAY_HOURS + end.hour
        if slot != self.slot:
            if self.slot >= 0:
                self._close(end)
            self.slot, self.events, self.minutes = slot, 0.0, 0.0
        self.events += events
        self.minutes += minutes

    def lose(self) -> None:
        """Nobody watched, or the segment is silent: the hour says nothing, nor do those before it."""
        self.slot = -1
        self.last[:] = self.waiting[:] = np.nan

    def relearn(self) -> None:
        """Forget the pattern: what is sent now is the usual amount, once a week of it is known."""
        fresh = AmountPattern()
        self.usual, self.weeks, self.lowest = fresh.usual, fresh.weeks, fresh.lowest
        self.last, self.waiting = fresh.last, fresh.waiting
        self.n_shares, self.fewer_from = 0, None

    def _close(self, at: datetime) -> None:
        """Take in the hour that has ended."""
        is_whole = self.minutes >= LEAST_MINUTES
        is_known = is_whole and self.weeks[self.slot] > 0
        usual = float(self.usual[self.slot]) * self.minutes if is_known else np.nan
        self.last = np.concatenate([self.last[1:], [[self.events, usual]]])
        if self.fewer_from is not None or self.is_fewer:
            self.waiting[:] = np.nan
            return
        if is_whole:
            self._learn(self.slot, self.events / self.minutes)
        if np.isfinite(self.waiting[0]):
            self._note_share(at, float(self.waiting[0]))
        now = np.nan if self.share is None else self.share
        self.waiting = np.append(self.waiting[1:], now)

    def _learn(self, slot: int, rate: float) -> None:
        weeks = min(int(self.weeks[slot]) + 1, MOST_WEEKS)
        self.usual[slot] += (rate - float(self.usual[slot])) / weeks
        self.weeks[slot] = weeks

    def _note_share(self, at: datetime, share: float) -> None:
        day = int(at.timestamp() // 86_400)
        moved = min(max(day - self.day, 0), KEPT_DAYS)
        if moved:
            fresh = np.full(moved, np.inf, np.float32)
            self.lowest, self.day = np.concatenate([self.lowest[moved:], fresh]), day
        self.lowest[-1] = min(float(self.lowest[-1]), share)
        self.n_shares += 1

    def dump(self) -> bytes:
        """Return it compactly, for `load`."""
        begun = self.fewer_from.timestamp() if self.fewer_from else -1.0
        head = _HEAD.pack(
            *(self.day, self.slot, self.events, self.minutes, begun, self.n_shares),
            *(*self.last.ravel(), *self.waiting),
        )
        return head + self.usual.tobytes() + self.weeks.tobytes() + self.lowest.tobytes()

    @classmethod
    def load(cls, kept: bytes) -> AmountPattern:
        """Return what `dump` gave."""
        day, slot, events, minutes, begun, n_shares, *last = _HEAD.unpack_from(kept)
        arrays: list[NDArray[Any]] = []
        offset = _HEAD.size
        for kind, many in _ARRAYS:
            arrays.append(np.frombuffer(kept, kind, count=many, offset=offset).copy())
            offset += arrays[-1].nbytes
        usual, weeks, lowest = arrays
        return cls(
            usual=usual,
            weeks=weeks,
            lowest=lowest,
            day=day,
            slot=slot,
            events=events,
            minutes=minutes,
            n_shares=n_shares,
            last=np.array(last[: 2 * HOURS]).reshape(HOURS, 2),
            waiting=np.array(last[2 * HOURS :]),
            fewer_from=datetime.fromtimestamp(begun, UTC) if begun >= 0 else None,
        )
