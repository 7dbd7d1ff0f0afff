"""How far the clock of each segment has come, and whether it goes wrong."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING

from driftgauge.storage import POOL, SegmentAdvance

from ..log import action

if TYPE_CHECKING:
    from ..events.event import Event

log = logging.getLogger(__name__)

_UNITS = (("year", 31_557_600), ("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))


def clock_text(offset_seconds: float) -> str:
    """Return an offset in words.

    >>> clock_text(-56 * 31_557_600.0), clock_text(240.0), clock_text(0.2)
    ('56 years behind', '4 minutes ahead', 'right')
    """
    size = round(abs(offset_seconds))
    for unit, seconds in _UNITS:
        if size >= seconds:
            count = round(size / seconds)
            side = "behind" if offset_seconds < 0 else "ahead"
            return f"{count} {unit}{'s' if count > 1 else ''} {side}"
    return "right"


@dataclass(slots=True)
class _Clock:
    """One segment's, since the last flush."""

    event_time_max: datetime
    offsets: list[float] = field(default_factory=list)


class SegmentClocks:
    """Compares the time of events with that of their records. The loop's thread owns it.

    Args:
        tolerated_seconds: a clock that is further off than this is told as wrong.
    """

    def __init__(self, *, tolerated_seconds: float) -> None:
        self._tolerated = tolerated_seconds
        self._clocks: dict[str, _Clock] = {}
        self._wrong: dict[str, float] = {}

    @property
    def worst_offset_seconds(self) -> float:
        """The largest offset of the segments whose clock is wrong; 0 where none is."""
        return max(self._wrong.values(), key=abs, default=0.0)

    @property
    def n_wrong(self) -> int:
        """How many segments have a wrong clock, as far as this agent reads them."""
        return len(self._wrong)

    def add(self, events: Sequence[Event], segments: Sequence[Iterable[str]]) -> None:
        """Take in a batch.

        Args:
            events: that were counted.
            segments: the names that each counts under.
        """
        rows: defaultdict[str, list[Event]] = defaultdict(list)
        for event, names in zip(events, segments, strict=True):
            for name in names:
                rows[name].append(event)
        for name, own in rows.items():
            latest = max(event.event_time for event in own)
            clock = self._clocks.setdefault(name, _Clock(latest))
            clock.event_time_max = max(clock.event_time_max, latest)
            clock.offsets += [
                event.clock_offset_seconds
                for event in own
                if event.clock_offset_seconds is not None
            ]

    def advances(self) -> list[SegmentAdvance]:
        """Return how far each segment has come since the last flush."""
        return [
            SegmentAdvance(
                name, clock.event_time_max, median(clock.offsets) if clock.offsets else None
            )
            for name, clock in self._clocks.items()
        ]

    def mark_flushed(self) -> None:
        """The advances are in the database: tell which clocks have become wrong, and begin anew."""
        for advance in self.advances():
            if advance.segment != POOL and advance.clock_offset_seconds is not None:
                self._compare(advance.segment, advance.clock_offset_seconds)
        self.drop()

    def drop(self) -> None:
        """Forget what is not in the database."""
        self._clocks.clear()

    def _compare(self, segment: str, offset: float) -> None:
        was_wrong = self._wrong.pop(segment, None) is not None
        if abs(offset) > self._tolerated:
            self._wrong[segment] = offset
            if not was_wrong:
                log.warning(
                    "the clock of %s is %s: its events are dated so by its sender, compared with "
                    "the time of their records; they are judged all the same",
                    *(segment, clock_text(offset)),
                    extra=action("clock_wrong", segment=segment, offset_seconds=offset),
                )
        elif was_wrong:
            log.info(
                "the clock of %s is right again",
                segment,
                extra=action("clock_right", segment=segment),
            )
