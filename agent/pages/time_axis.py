"""A chart's time axis: where moments lie on it, in per cent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_MAX_TICKS = 8
_LAST_TICK = 97.0
_DAY = 86_400
_STEPS = (10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14_400, 21_600, 43_200)
_DAY_STEPS = tuple(_DAY * days for days in (1, 2, 7, 14, 30, 90, 365, 3650, 36_500))


@dataclass(frozen=True, slots=True)
class Tick:
    """A label below the axis; *left* in per cent of its length."""

    left: float
    label: str


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """The span from *begin* to *end*, which lies later."""

    begin: datetime
    end: datetime

    def place(self, moment: datetime) -> float:
        """Return where *moment* lies, 0 to 100; what lies outside is put on the nearer end."""
        return max(0.0, min(100.0, self.share(moment - self.begin)))

    def share(self, span: timedelta) -> float:
        """Return how long *span* is, in per cent of the axis."""
        return 100 * (span / (self.end - self.begin))

    def clock_ticks(self) -> list[Tick]:
        """Return ticks at round times in UTC, at most eight."""
        seconds = (self.end - self.begin).total_seconds()
        steps = (*_STEPS, *_DAY_STEPS)
        step = next((step for step in steps if seconds / step < _MAX_TICKS), steps[-1])
        first = -(-self.begin.timestamp() // step) * step
        moments = (datetime.fromtimestamp(first + index * step, UTC) for index in range(_MAX_TICKS))
        ticks = [
            Tick(self.share(moment - self.begin), _label(moment, step))
            for moment in moments
            if moment < self.end
        ]
        return [tick for tick in ticks if tick.left < _LAST_TICK]


def _label(moment: datetime, step: int) -> str:
    if step > _DAY * 30:
        return f"{moment:%b %Y}"
    if step >= _DAY or moment.hour == moment.minute == moment.second == 0:
        return f"{moment.day} {moment:%b}"
    return f"{moment:%H:%M:%S}" if step < 60 else f"{moment:%H:%M}"  # noqa: PLR2004
