"""Learns the baseline of segments that the detector's reference does not cover."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..log import action
from .baseline import Baseline
from .design_effect import Counts

log = logging.getLogger(__name__)

ReadWindows = Callable[[str, datetime, datetime], Counts]
"""Segment, from, until (excluded) to counts ``(windows, columns, bins)`` in order of time."""

LearnBaseline = Callable[[Counts], Baseline | None]


@dataclass(frozen=True, slots=True)
class Lesson:
    """One segment's learning.

    Attributes:
        begins: its first window.
        tried: the window at which it had brought too few events; None before.
        until: the first window that is judged; None while the segment is learnt.
    """

    begins: datetime
    tried: datetime | None = None
    until: datetime | None = None

    def due(self, span: timedelta) -> datetime:
        """Return when learning is to end; *span* is today's setting, whatever it was before."""
        return (self.tried or self.begins) + span


class Learning:
    """Remembers which windows are a segment's reference; the windows stay in the database.

    Args:
        span: how long a segment is learnt; longer where it brought too few events.
        read: reads a segment's windows.
        learn: from these, with the tests that run.
    """

    def __init__(self, span: timedelta, read: ReadWindows, learn: LearnBaseline) -> None:
        self._span = span
        self._read = read
        self._learn = learn
        self._lessons: dict[str, Lesson] = {}
        self._learnt: dict[tuple[str, Lesson], Baseline] = {}

    def advance(self, segment: str, start: datetime) -> Baseline | None:
        """Note that *segment* has a window at *start*; return its baseline once it is learnt."""
        lesson = self._lessons.setdefault(segment, Lesson(start))
        if lesson.until is None and start >= lesson.due(self._span):
            baseline = self._learn(self._read(segment, lesson.begins, start))
            if baseline is None:
                self._lessons[segment] = Lesson(lesson.begins, tried=start)
                return None
            lesson = Lesson(lesson.begins, lesson.tried, start)
            self._lessons[segment] = lesson
            self._learnt[segment, lesson] = baseline
            log.info(
                "segment %s has learnt its baseline from %s events",
                *(segment, baseline.events),
                extra=action("segment_learnt", segment=segment, events=baseline.events),
            )
        return self._baseline(segment, lesson)

    def resume(self, kept: Mapping[str, Mapping[str, str | None]]) -> None:
        """Take up what `dump` wrote."""
        self._lessons = {
            segment: Lesson(
                datetime.fromisoformat(str(lesson["begins"])),
                _moment(lesson.get("tried")),
                _moment(lesson["until"]),
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
            }
            for segment, lesson in self._lessons.items()
        }

    def baselines(self) -> dict[str, Baseline]:
        """Return the baselines learnt so far."""
        learnt = {name: self._baseline(name, lesson) for name, lesson in self._lessons.items()}
        return {segment: baseline for segment, baseline in learnt.items() if baseline is not None}

    def _baseline(self, segment: str, lesson: Lesson) -> Baseline | None:
        if lesson.until is None:
            return None
        if (segment, lesson) not in self._learnt:
            baseline = self._learn(self._read(segment, lesson.begins, lesson.until))
            if baseline is None:
                return None
            self._learnt[segment, lesson] = baseline
        return self._learnt[segment, lesson]


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
