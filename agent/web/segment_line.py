"""A segment's rates over time: as figures for programs, and where they lie for a drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from driftgauge.storage import RateRow

from ..pages.chart import axis_top, rate_paths
from ..pages.time_axis import TimeAxis


@dataclass(frozen=True, slots=True)
class RatePoint:
    """One column of a line; columns without images are left out."""

    start: datetime
    events: int
    ood_events: int
    ood_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentLine:
    """Rates of one segment in columns of one width.

    Attributes:
        normal: the segment's own rate while nothing is wrong; None where not known.
    """

    begin: datetime
    end: datetime
    column_seconds: float
    points: Sequence[RatePoint]
    normal: float | None = None

    @property
    def axis(self) -> TimeAxis:
        """The time axis."""
        return TimeAxis(self.begin, self.end)

    @property
    def top(self) -> float:
        """The rate at the upper end."""
        highest = max((point.ood_rate for point in self.points), default=0.0)
        return axis_top([highest, self.normal or 0.0])

    @property
    def width(self) -> float:
        """A column's width, in per cent of the axis."""
        return self.axis.share(timedelta(seconds=self.column_seconds))

    @property
    def paths(self) -> tuple[str, str]:
        """The SVG paths of the line and of the area below it, 1,000 wide and 100 high."""
        places = [(self.axis.place(point.start), point.ood_rate) for point in self.points]
        return rate_paths(places, self.width, top=self.top)

    @property
    def normal_from_top(self) -> float | None:
        """Where the line of the normal rate lies, 0 to 100; None for no line."""
        return None if self.normal is None else 100 * (1 - min(1.0, self.normal / self.top))

    @property
    def total(self) -> RatePoint | None:
        """All columns as one; None without images."""
        events = sum(point.events for point in self.points)
        if not events:
            return None
        share = sum(point.ood_rate * point.events for point in self.points) / events
        ood = sum(point.ood_events for point in self.points)
        return RatePoint(self.begin, events, ood, share)


def rate_points(rows: Sequence[RateRow]) -> list[RatePoint]:
    """Return the columns of one segment in order of time; several detectors in one are added up."""
    found: dict[datetime, list[RateRow]] = {}
    for row in rows:
        found.setdefault(row.period_start, []).append(row)
    return [_point(start, parts) for start, parts in sorted(found.items())]


def _point(start: datetime, rows: Sequence[RateRow]) -> RatePoint:
    if len(rows) == 1:
        row = rows[0]
        return RatePoint(start, row.events, row.ood_events, row.ood_rate)
    represented = sum(row.represented for row in rows)
    ood = sum(row.ood_rate * row.represented for row in rows)
    return RatePoint(
        start,
        sum(row.events for row in rows),
        sum(row.ood_events for row in rows),
        ood / represented if represented else 0.0,
    )
