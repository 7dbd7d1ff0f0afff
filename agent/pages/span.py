"""What a page covers: from when to when, in which columns, and each segment's rates in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from driftgauge.storage import Period, RateRow, Store, StreamRecord

from .time_axis import TimeAxis

MAX_COLUMNS = 240
"""A chart has at most about this many columns, so that one can be told from the next."""

_SECONDS: dict[Period, int] = {"minute": 60, "hour": 3600, "day": 86_400}


@dataclass(frozen=True, slots=True)
class PeriodColumn:
    """One segment's images in one column, over all detectors.

    Attributes:
        events: that were scored.
        ood_events: of these, out of distribution.
        represented: how many images the scored ones represent.
        represented_ood: of these, out of distribution.
    """

    start: datetime
    events: int
    ood_events: int
    represented: float
    represented_ood: float

    @property
    def rate(self) -> float:
        """The share that was out of distribution."""
        return self.represented_ood / self.represented if self.represented else 0.0


@dataclass(frozen=True, slots=True)
class Covered:
    """What a page covers.

    Attributes:
        width: of a column.
        segments: each segment's columns in order of time.
    """

    axis: TimeAxis
    period: Period
    width: timedelta
    segments: dict[str, list[PeriodColumn]]


def cover(
    store: Store, stream: StreamRecord, *, since: datetime | None, segment: str | None
) -> Covered | None:
    """Return what was counted since *since*, in the finest columns that fit; None for nothing."""
    window = timedelta(seconds=stream.window_seconds)
    period: Period = "day"
    while True:
        rows = store.rates(stream.stream, period=period, segment=segment, since=since)
        if not rows:
            return None
        width = timedelta(seconds=_SECONDS[period]) if period != "window" else window
        begin, end = rows[0].period_start, rows[-1].period_start + width
        finer = _finest(end - begin, window)
        # Finer columns begin later in the first day and end earlier in the last.
        if finer == period:
            return Covered(TimeAxis(begin, end), period, width, _by_segment(rows))
        period = finer


def total(columns: Sequence[PeriodColumn]) -> PeriodColumn:
    """Return all *columns*, of which there is at least one, as one."""
    return PeriodColumn(
        columns[0].start,
        sum(column.events for column in columns),
        sum(column.ood_events for column in columns),
        sum(column.represented for column in columns),
        sum(column.represented_ood for column in columns),
    )


def _finest(span: timedelta, window: timedelta) -> Period:
    if span / window <= MAX_COLUMNS:
        return "window"
    for period, seconds in _SECONDS.items():
        width = timedelta(seconds=seconds)
        if span / width <= MAX_COLUMNS or period == "day":
            return period if width > window else "window"
    return "day"


def _by_segment(rows: Sequence[RateRow]) -> dict[str, list[PeriodColumn]]:
    """Return the columns of each segment; two detectors in one column are added up."""
    parts: dict[str, dict[datetime, list[PeriodColumn]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        column = PeriodColumn(
            row.period_start,
            row.events,
            row.ood_events,
            row.represented,
            row.ood_rate * row.represented,
        )
        parts[row.segment][row.period_start].append(column)
    return {
        segment: [total(columns) for columns in found.values()] for segment, found in parts.items()
    }
