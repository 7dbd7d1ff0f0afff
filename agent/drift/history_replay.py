"""What would have been alarmed under other settings, from the counts that are there; nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from driftgauge.storage import POOL, AlertRecord, Claim, HistogramRows, SegmentProgress

from .alerting import NameFault
from .design_effect import Counts
from .judging import INSTANT, Judging
from .monitor_settings import MonitorSettings
from .replay_store import ReadStore, ReplayStore

MOST_COUNTS = 60_000
"""Histograms that are read at once, so that memory does not grow with the span."""


@dataclass(slots=True)
class SegmentCourse:
    """How near one segment came to an alert.

    Attributes:
        starts: of the windows that were judged.
        nearness: after each, evidence against what an alert takes, 0 to 1, both as logarithms.
        not_judged: windows in which it had no baseline yet.
    """

    starts: list[datetime] = field(default_factory=list)
    nearness: list[float] = field(default_factory=list)
    not_judged: int = 0


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay found.

    Attributes:
        alerts: as they were at its end, in the order in which they opened; ids count from 1, and
            ``opened_at`` and ``resolved_at`` are event time.
        courses: by segment.
    """

    alerts: Sequence[AlertRecord]
    courses: Mapping[str, SegmentCourse]


class Replay:
    """Judges counted windows again, as the monitor does, in memory.

    The baselines are those that are known now, each from the moment on from which the monitor had it where
    it was learnt. Evidence begins anew, and no alert lives, at the first window.

    Args:
        store: the database; it is only read.
        detector: version whose windows are judged.
        columns: those of predictions where they are judged, the layers, then ``*``.
        reference: each segment's reference windows, kept by the detector; read only for tests whose
            baselines were not measured yet.
        settings: how to judge.
        classes: that the model predicts on the reference, in the order of their bins.
        name: names the fault of an alert, from the pictures that were kept; None names none.
    """

    def __init__(
        self,
        store: ReadStore,
        *,
        detector: str,
        columns: Sequence[str],
        reference: Mapping[str, Counts],
        settings: MonitorSettings,
        classes: Sequence[str] = (),
        name: NameFault | None = None,
    ) -> None:
        self._store = store
        self._own = (settings.stream, detector)
        self._n_columns = len(columns)
        settings = replace(settings, grow=False)  # the baselines as they are now, grown
        self._settings = settings
        self._kept = ReplayStore(store)
        self._judging = Judging(
            self._kept,
            detector=detector,
            columns=columns,
            reference=reference,
            settings=settings,
            classes=classes,
            name=name,
        )
        self._progress: dict[str, SegmentProgress] = {}
        self._courses: dict[str, SegmentCourse] = {}

    def run(
        self,
        since: datetime,
        until: datetime,
        *,
        segments: Sequence[str] | None = None,
        on_reached: Callable[[datetime], object] = lambda moment: None,
    ) -> Replayed:
        """Judge the closed windows from *since*, before *until*.

        Args:
            since: start of the first.
            until: windows that start from then on are left out.
            segments: only these; the whole stream is judged only beside all of its parts.
            on_reached: called with the start of each window, when it was judged.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        self._judging.memory.refresh(None)
        self._hold_back(since)
        last = self._last_closed(since - self._settings.window)
        for rows in self._read(since, until, segments):
            for start, window in rows.until(last).by_start():
                self._judge(start, window)
                on_reached(start)
        return Replayed(self._kept.kept, self._courses)

    def _hold_back(self, since: datetime) -> None:
        """Take baselines away that were learnt later than *since*; the segment was not judged before."""
        memory = self._judging.memory
        for row in self._kept.baselines(*self._own):
            if row.source == "learnt" and row.until is not None and row.until > since:
                baseline = memory.baselines.pop(row.segment)
                memory.learning.know_later(row.segment, baseline, row.until)

    def _read(
        self, since: datetime, until: datetime, segments: Sequence[str] | None
    ) -> Iterator[HistogramRows]:
        """Yield windows in order, a slice of the span at a time."""
        rows = self._store.segment_progress(*self._own)
        n_segments = len(rows) if segments is None else len(segments)
        n_windows = max(MOST_COUNTS // max(n_segments * self._n_columns, 1), 1)
        last = max((row.event_time_max for row in rows), default=since)
        end = min(until, last + INSTANT)
        while since < end:
            before = min(since + n_windows * self._settings.window, end)
            yield self._store.histograms(
                *self._own, after=since - INSTANT, until=before, segments=segments
            )
            since = before

    def _last_closed(self, before: datetime) -> dict[str, datetime]:
        """Return by segment the last start of a window that is no longer counted."""
        open_for = self._settings.window + timedelta(seconds=self._settings.grace_seconds)
        return {
            row.segment: max(row.event_time_max - open_for, row.judged_until or before)
            for row in self._store.segment_progress(*self._own)
        }

    def _judge(self, start: datetime, rows: HistogramRows) -> None:
        at = start + self._settings.window
        names = rows.segments
        for name in names:
            self._progress[name] = _progress(name, at)
        claim = Claim(self._own[1], at, rows, (), list(self._progress.values()), names)
        self._kept.keep(self._judging.judge(claim, None).changed)
        for name in names:
            self._note(name, start)

    def _note(self, name: str, start: datetime) -> None:
        memory, course = self._judging.memory, self._courses.setdefault(name, SegmentCourse())
        if name not in memory.states:
            course.not_judged += name != POOL
            return
        course.starts.append(start)
        course.nearness.append(memory.states.memory(name).nearness)


def _progress(segment: str, at: datetime) -> SegmentProgress:
    """Return how far a segment had come when its window that ends at *at* was judged."""
    return SegmentProgress(
        segment=segment,
        event_time_max=at - INSTANT,
        counted_at=at,
        clock_offset_seconds=None,
        claimed_until=None,
        judged_until=None,
        claims=0,
    )
