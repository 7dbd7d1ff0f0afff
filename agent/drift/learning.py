"""Learns the baseline of segments that the detector's reference does not cover."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from driftgauge.storage import DEFAULT_ALPHA, SegmentBaseline

from ..log import action
from .baseline import Baseline, learn_baseline
from .design_effect import Counts
from .drift_test import DriftTest
from .rate import ood_rate
from .stored_baseline import to_stored
from .tests.catalogue import DEFAULT_TESTS

log = logging.getLogger(__name__)

MONITOR = "monitor"

SATURATED = 0.9
"""A segment is saturated when so large a share of its events is unusual while it is learnt."""

ReadWindows = Callable[[Sequence[str], datetime, datetime], Iterable[tuple[str, Counts]]]
"""Segments, from, until (excluded) to each with its counts, ``(windows, columns, bins)`` in order of time.

They are read some segments at a time, while they are iterated over: a day of a thousand fills no memory.
"""


@dataclass(frozen=True, slots=True)
class Lesson:
    """One segment's learning.

    Attributes:
        begins: its first window.
        tried: the window at which it had brought too few events; None before.
        until: the first window that is judged; None while the segment is learnt.
        is_saturated: whether nearly all of its events were unusual when it was last tried: the
            detector knows nothing like them, so that nothing can be told by it.
    """

    begins: datetime
    tried: datetime | None = None
    until: datetime | None = None
    is_saturated: bool = False

    def due(self, span: timedelta) -> datetime:
        """Return when learning is to end; *span* is today's setting, whatever it was before."""
        return (self.tried or self.begins) + span


class Learning:
    """Which windows are a segment's reference, until its baseline is measured on them and stored.

    A provisional baseline is returned as well, and its segment is learnt on.

    Attributes:
        changed: segments whose lesson changed since it was written.
        learnt: rows of the baselines since they were written.

    Args:
        span: how long a segment is learnt; longer where it brought too few events.
        read: reads segments' windows.
        tests: that run.
    """

    def __init__(
        self, span: timedelta, read: ReadWindows, tests: Sequence[DriftTest] = DEFAULT_TESTS
    ) -> None:
        self._span = span
        self._read = read
        self._tests = tests
        self._lessons: dict[str, Lesson] = {}
        self._later: dict[str, tuple[Baseline, datetime]] = {}
        self.changed: set[str] = set()
        self.learnt: dict[str, SegmentBaseline] = {}

    def advance(self, segments: Sequence[str], start: datetime) -> dict[str, Baseline]:
        """Note that *segments* have a window at *start*; return the baselines of those that are learnt."""
        found: dict[str, Baseline] = {}
        due: defaultdict[datetime, list[str]] = defaultdict(list)
        for segment in segments:
            if segment in self._later:
                baseline, at = self._later[segment]
                if start >= at:
                    found[segment] = baseline
                continue
            if segment not in self._lessons:
                self._keep(segment, Lesson(start))
            lesson = self._lessons[segment]
            if start >= lesson.due(self._span):
                due[lesson.begins].append(segment)
        for begins, some in due.items():
            for segment, windows in self._read(some, begins, start):
                measured = self._learn(segment, windows, start)
                if measured is not None:
                    found[segment] = measured
        return found

    def _learn(self, segment: str, windows: Counts, start: datetime) -> Baseline | None:
        """Measure a segment whose time has come; it is learnt on where it brought too few events."""
        lesson = self._lessons[segment]
        is_saturated = self._warn_saturated(segment, windows)
        measured = self._measure(segment, windows, lesson.begins, start)
        if measured is None or measured.is_provisional:
            self._keep(segment, Lesson(lesson.begins, tried=start, is_saturated=is_saturated))
            return measured
        self._keep(segment, Lesson(lesson.begins, lesson.tried, start, is_saturated))
        log.info(
            "segment %s has learnt its baseline from %s events",
            *(segment, measured.events),
            extra=action("segment_learnt", segment=segment, events=measured.events),
        )
        return measured

    def begin(self, segment: str, start: datetime) -> None:
        """Learn a segment from *start* on: what was before is no reference, since an alert lived."""
        self._keep(segment, Lesson(start))

    def know_later(self, segment: str, baseline: Baseline, at: datetime) -> None:
        """Take the *baseline* as learnt by the window at *at*, as it was when that was judged first."""
        self._later[segment] = baseline, at

    def resume(self, kept: Mapping[str, Mapping[str, str | None]]) -> None:
        """Take up what `dump` wrote."""
        self._lessons = {
            segment: Lesson(
                datetime.fromisoformat(str(lesson["begins"])),
                _moment(lesson.get("tried")),
                _moment(lesson["until"]),
                is_saturated=bool(lesson.get("saturated")),
            )
            for segment, lesson in kept.items()
        }

    def dump(self) -> dict[str, dict[str, str | None]]:
        """Return JSON-ready values."""
        return {
            segment: {
                "begins": lesson.begins.isoformat(),
                "tried": lesson.tried.isoformat() if lesson.tried else None,
                "until": lesson.until.isoformat() if lesson.until else None,
                **({"saturated": "yes"} if lesson.is_saturated else {}),
            }
            for segment, lesson in self._lessons.items()
        }

    def measure_missing(self, known: Container[str]) -> dict[str, Baseline]:
        """Measure what was learnt before baselines were stored, but for the *known* segments."""
        found: dict[str, Baseline] = {}
        for name, lesson in self._lessons.items():
            if lesson.until is None or name in known:
                continue
            for segment, windows in self._read([name], lesson.begins, lesson.until):
                baseline = self._measure(segment, windows, lesson.begins, lesson.until)
                if baseline is not None:
                    found[segment] = baseline
        return found

    def written(self) -> None:
        """Note that what has changed was written."""
        self.changed.clear()
        self.learnt.clear()

    def _warn_saturated(self, segment: str, windows: Counts) -> bool:
        """Return whether nearly all events are unusual, and say so."""
        rate = ood_rate(windows[:, -1].sum(axis=0), DEFAULT_ALPHA) if len(windows) else 0.0
        if rate < SATURATED:
            return False
        log.warning(
            "%.0f %% of the events of segment %s are unusual to this detector while it is learnt: it "
            "knows nothing like them, so that no change can be told; fit a detector on its images, "
            "with driftgauge fit",
            *(100 * rate, segment),
            extra=action("segment_saturated", segment=segment, rate=rate),
        )
        return True

    def _measure(
        self, segment: str, windows: Counts, begins: datetime, until: datetime
    ) -> Baseline | None:
        baseline = learn_baseline(windows, self._tests)
        if baseline is None:
            return None
        self.learnt[segment] = to_stored(
            *(segment, baseline, self._tests),
            source="learnt",
            made_by=MONITOR,
            begins=begins,
            until=until,
        )
        return replace(baseline, known=None)  # its windows are in the row

    def _keep(self, segment: str, lesson: Lesson) -> None:
        self._lessons[segment] = lesson
        self.changed.add(segment)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
