"""How soon a change of a segment would be told, in time."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from driftgauge.storage import SegmentBaseline

if TYPE_CHECKING:
    from ..drift.monitor_settings import MonitorSettings

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentPower:
    """Of one segment, by windows in which it sends as many images as usual.

    Attributes:
        total_failure_windows: until a failure of all images is told; None: later than *tried_windows*.
        tenth_windows: until it is told that 10 % of them are unusual; None: later than those tried.
        tried_windows: windows that were tried.
        window_seconds: a window's length.
        tested_within_seconds: of its traffic, in which a total failure must be told for the segment to
            be called tested.
        effective_windows: how many independent windows its baseline counts as; None where not known yet.
        promised_windows: how many it takes for the false-alarm budget to be promised.
        tells_gross: whether gross changes are told where it is not.
    """

    total_failure_windows: int | None
    tenth_windows: int | None
    tried_windows: int
    window_seconds: int
    tested_within_seconds: float
    effective_windows: float | None
    promised_windows: float
    tells_gross: bool = False

    @property
    def why_no_promise(self) -> str:
        """Why no false-alarm rate is promised; empty where it is."""
        worth = self.effective_windows
        if worth is None or worth >= self.promised_windows:
            return ""
        return (
            f"no false-alarm rate is promised: its baseline is worth {worth:.0f} independent "
            f"windows, and the budget takes {self.promised_windows:.0f}{self._gross_note}"
        )

    @property
    def is_useful(self) -> bool:
        """Whether a total failure is told soon enough."""
        windows = self.total_failure_windows
        return windows is not None and windows * self.window_seconds <= self.tested_within_seconds

    @property
    def total_failure(self) -> str:
        """In how much traffic a total failure is told, in words."""
        return self._words(self.total_failure_windows)

    @property
    def tenth(self) -> str:
        """The same of 10 % of the images."""
        return self._words(self.tenth_windows)

    @property
    def why_untested(self) -> str:
        """Why the segment is not called tested."""
        return (
            f"a failure of all its images would be told after {self.total_failure} of its traffic, later "
            f"than {span_words(self.tested_within_seconds)} (monitor.tested_within): it needs more "
            f"reference, or a larger false-alarm budget{self._gross_note}"
        )

    @property
    def _gross_note(self) -> str:
        """What is told without a promise; empty where nothing is."""
        worth = self.effective_windows
        is_short = worth is not None and worth < self.promised_windows
        return "; gross changes are told even so" if self.tells_gross and is_short else ""

    def _words(self, windows: int | None) -> str:
        if windows is None:
            return f"over {span_words(self.tried_windows * self.window_seconds)}"
        return span_words(windows * self.window_seconds)


def segment_powers(
    baselines: Collection[SegmentBaseline], settings: MonitorSettings
) -> dict[str, SegmentPower]:
    """Return the power of each segment of which it is measured; all of them share the budget."""
    from ..drift.power import (
        LONGEST_WINDOWS,
        PowerCurve,
    )  # numpy and scipy: most commands need none
    from ..drift.promise import promised_windows

    threshold = settings.log_threshold(len(baselines))
    found = {}
    for row in baselines:
        if row.power is None:
            continue
        curve = PowerCurve.load(row.power)
        power = curve.at(threshold)
        found[row.segment] = SegmentPower(
            total_failure_windows=power.total_failure,
            tenth_windows=power.tenth,
            tried_windows=LONGEST_WINDOWS,
            window_seconds=settings.window_seconds,
            tested_within_seconds=settings.tested_within.total_seconds(),
            effective_windows=curve.effective_windows,
            promised_windows=promised_windows(threshold),
            tells_gross=any(test.is_unpromised for test in settings.tests),
        )
    return found


def span_words(seconds: float) -> str:
    """Return a length of time in its largest unit.

    >>> span_words(42), span_words(360), span_words(5400), span_words(200000)
    ('42 s', '6 min', '1.5 h', '2.3 days')
    """
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.3g} h" if seconds < 2 * _DAY else f"{seconds / _DAY:.1f} days"
