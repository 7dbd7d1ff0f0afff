"""Lets baselines grow by quiet traffic: which day of which segment, and what is said of it (docs/method.md)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from driftgauge.storage import SegmentBaseline

from ..log import action
from .baseline import Baseline, learn_baseline
from .design_effect import Counts
from .growth import DAY, MOST_SHIFT, Growth, anchor_shift, with_day
from .monitor_settings import MonitorSettings
from .stored_baseline import stored_windows, to_stored

log = logging.getLogger(__name__)

DAYS_UNTIL_TOLD = 3

ReadDay = Callable[[str, datetime, datetime], Counts]
"""Segment, from, until (excluded) to counts ``(windows, columns, bins)`` in order of time."""

ReadBaseline = Callable[[str], SegmentBaseline]
"""A segment to its baseline with its reference windows."""


class Growing:
    """The growth of one stream's baselines.

    Attributes:
        grown: baselines that have grown since they were written.

    Args:
        settings: how the monitor judges.
        reference: each segment's reference windows, kept by the detector.
        read: reads a segment's windows.
        read_baseline: reads a segment's baseline, as it is stored or about to be.
    """

    def __init__(
        self,
        settings: MonitorSettings,
        *,
        reference: Mapping[str, Counts],
        read: ReadDay,
        read_baseline: ReadBaseline,
    ) -> None:
        self._settings = settings
        self._reference = reference
        self._read = read
        self._read_baseline = read_baseline
        self.grown: dict[str, SegmentBaseline] = {}

    def advance(
        self, segment: str, start: datetime, growth: Growth | None, baseline: Baseline
    ) -> tuple[Growth | None, Baseline]:
        """Note that *segment* has a window at *start*; return where its growth and its baseline stand then.

        What joins depends on windows that were judged before, and on when each segment is due by its own
        event time: never on how turns are cut.
        """
        settings = self._settings
        if not settings.grow:
            return growth, baseline
        if growth is None:
            return Growth.first(segment, start, settings.grow_after), baseline
        if start < growth.due:
            return growth, baseline
        until = growth.due - settings.grow_after
        after = replace(growth, due=growth.next_due(start))
        if growth.troubled_at is not None and growth.troubled_at >= until - DAY:
            return after, baseline
        day = self._read(segment, until - DAY, until)
        return self._take(segment, day, until, after, baseline) if len(day) else (after, baseline)

    def _take(
        self, segment: str, day: Counts, until: datetime, growth: Growth, baseline: Baseline
    ) -> tuple[Growth, Baseline]:
        row = self.grown.get(segment) or self._read_baseline(segment)
        tests = self._settings.tests
        known = stored_windows(row, self._reference, tests)
        wider, shift = with_day(known, day, self._settings.grow_share, until.toordinal())
        if shift > MOST_SHIFT:
            days = growth.days_outside + 1
            _tell_outside(segment, shift, days)
            return replace(growth, days_outside=days, shift=shift), baseline
        growth = replace(growth, days_outside=0, shift=shift)
        if wider.n_grown == known.n_grown:
            return growth, baseline
        found = learn_baseline(wider, tests, is_known=True)
        if found is None or not set(baseline.tests) <= set(found.tests):
            return growth, baseline
        self.grown[segment] = to_stored(
            segment,
            found,
            tests,
            source=row.source,
            made_by=row.made_by,
            begins=row.begins,
            until=row.until,
            grown_until=until,
            anchor_shift=anchor_shift(wider),
        )
        found = replace(found, known=None)  # its windows are in the row
        log.info(
            "the baseline of %s has grown by %s quiet windows of the day until %s; it has %s",
            *(segment, wider.n_grown - known.n_grown, until.isoformat(), len(wider.windows)),
            extra=action("baseline_grown", segment=segment, windows=len(wider.windows)),
        )
        return growth, found


def _tell_outside(segment: str, shift: float, days: int) -> None:
    if days % DAYS_UNTIL_TOLD == 0:
        log.warning(
            "%s has drifted from its first baseline for %s days, without an alert: the mean of -log p differs by "
            "%.2f, and %.2f may join; what is quiet now does not become normal: look at its pictures, and fit a "
            "detector if this is how they are to be",
            *(segment, days, shift, MOST_SHIFT),
            extra=action("baseline_outside", segment=segment, days=days, shift=shift),
        )
