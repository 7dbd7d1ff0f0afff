"""What the reference covers, and what a person should know that it does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..drift.baseline import MIN_EVENTS
from ..terminal.natural_order import natural_key

DAY = timedelta(days=1)
HELD_OUT = 2 / 3
"""Rough share of the reference that calibrates and shows each segment's normal."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """A reference, in figures.

    Attributes:
        events: images in all.
        span: from the first to the last; None without times.
        hours: hours of the day (UTC) that have images.
        segments: images of each segment.
    """

    events: int
    span: timedelta | None
    hours: tuple[int, ...]
    segments: dict[str, int]

    def warnings(self) -> list[str]:
        """Return what to be careful of, a sentence each."""
        found = []
        if self.span is None:
            found.append(
                "the images have no times, so the hours of the day that they cover are unknown; "
                "what the reference does not contain, such as a night, will count as a change"
            )
        elif self.span < DAY:
            found.append(
                f"the reference spans {self.span}, less than a day: hours that it does not "
                "cover, such as a night, will count as a change"
            )
        for segment in sorted(self.segments, key=natural_key):
            events = self.segments[segment]
            if events * HELD_OUT < MIN_EVENTS:
                found.append(
                    f"segment {segment} has {events} reference images, wanted about "
                    f"{round(MIN_EVENTS / HELD_OUT)}; its baseline is learnt from its own traffic first"
                )
        return found

    def notes(self) -> dict[str, object]:
        """Return JSON-ready figures."""
        return {
            "events": self.events,
            "span_seconds": self.span.total_seconds() if self.span is not None else None,
            "hours_utc": list(self.hours),
            "segments": self.segments,
        }


def measure_coverage(
    times: Sequence[datetime | None], segments: Sequence[Sequence[str]]
) -> Coverage:
    """Return the coverage of events with these *times* and *segments*."""
    known = [moment for moment in times if moment is not None]
    return Coverage(
        events=len(times),
        span=max(known) - min(known) if known else None,
        hours=tuple(sorted({moment.hour for moment in known})),
        segments=dict(Counter(name for own in segments for name in own)),
    )
