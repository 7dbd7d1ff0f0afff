"""Judges a claim's windows and says what changes in alerts; writes nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from driftgauge.storage import (
    LIVE_STATES,
    AlertRecord,
    Claim,
    HistogramRows,
    MonitorState,
    RecordConflict,
)

from ..alert.lives import Lives
from .alerting import Alerting, NameFault
from .design_effect import Counts
from .judged_windows import NO_COUNTS, by_window, late_by_segment, windows_of_segments
from .label_columns import n_label_columns, named_slots
from .monitor_memory import MonitorMemory, SegmentStore
from .monitor_settings import MonitorSettings
from .siblings import with_siblings
from .turn import Turn

INSTANT = timedelta(microseconds=1)

MOST_READ = 120_000
"""Histograms of several segments that are read at once, each 8,640 a day with six columns."""


class JudgingStore(SegmentStore, Protocol):
    """The database, as far as judging needs it."""

    def histograms(
        self,
        stream: str,
        detector: str,
        *,
        after: datetime | None,
        until: datetime,
        segments: Collection[str] | None = None,
    ) -> HistogramRows:
        """Return the histograms of windows in order of start."""

    def alerts(
        self, stream: str | None = None, *, states: Collection[str] | None = None
    ) -> list[AlertRecord]:
        """Return alerts, newest first."""

    def continuable_alerts(
        self, stream: str, detector: str, *, refreshed_since: datetime
    ) -> list[AlertRecord]:
        """Return alerts that the monitor itself ended, last raised since then."""


class Judging:
    """Judges one stream's windows against each segment's baseline, all in memory.

    Attributes:
        memory: baselines and evidence, read from the database and changed by judging.

    Args:
        store: the database.
        detector: version whose windows are judged.
        columns: those of predictions where they are judged, the layers, then ``*``.
        reference: each segment's reference windows, kept by the detector.
        settings: how to judge.
        classes: that the model predicts on the reference, in the order of their bins.
        name: names the fault of an alert; None names none.
        is_silent: what it finds raises no alert, and the stream's alerts are none of it.
    """

    def __init__(
        self,
        store: JudgingStore,
        *,
        detector: str,
        columns: Sequence[str],
        reference: Mapping[str, Counts],
        settings: MonitorSettings,
        classes: Sequence[str] = (),
        name: NameFault | None = None,
        is_silent: bool = False,
    ) -> None:
        self._store = store
        self._name = name
        self._is_silent = is_silent
        self._detector = detector
        self._columns = tuple(columns)
        self._classes = named_slots(classes)
        self._settings = settings
        self._goes_on: Callable[[], bool] = lambda: True
        self.memory = MonitorMemory(
            store,
            detector=detector,
            reference=reference,
            settings=settings,
            read=self._read_several,
        )

    def judge(
        self,
        claim: Claim,
        as_of: MonitorState | None,
        goes_on: Callable[[], bool] = lambda: True,
    ) -> Lives:
        """Judge what *claim* took; return the alerts, and which of them changed.

        Args:
            claim: windows in order of start, and what came late.
            as_of: what the last turn of any agent wrote; no older than the claim.
            goes_on: asked whenever more of a segment was read, as for each alert that opens: a thousand
                segments that change at once take a minute.

        Raises:
            RecordConflict: *goes_on* returned False.
        """
        self._goes_on = goes_on
        self.memory.refresh(as_of)
        lives = self._lives(claim)
        alerting = self._alerting(claim, lives)
        turn = Turn(self._settings, memory=self.memory, alerting=alerting, now=claim.at)
        turn.judge_late(late_by_segment(claim.late, self._columns))
        for start, segments in by_window(claim.windows, self._columns):
            turn.judge_window(start, segments)
        if self._settings.sites:
            self._tell_siblings(lives)
        return lives

    def _tell_siblings(self, lives: Lives) -> None:
        """Say of each alert that was raised whether its segment changed alone at its site."""
        changed: defaultdict[str, set[str]] = defaultdict(set)
        for segment, test in lives.live:
            changed[test].add(segment)
        lives.retell(
            lambda alert: with_siblings(
                alert.message,
                alert.segment,
                self._settings.sites,
                known=self.memory.baselines,
                changed=changed[alert.test],
            )
        )

    def _lives(self, claim: Claim) -> Lives:
        """Return the alerts that live, and those that a change in these windows would continue."""
        if self._is_silent:
            return Lives(self._settings.hysteresis, [])
        starts = [row.window_start for row in claim.late]
        starts += [claim.windows.first] if claim.windows else []
        stream, ours = self._settings.stream, {test.alert for test in self._settings.tests}
        live = self._store.alerts(stream, states=LIVE_STATES)
        ended = self._store.continuable_alerts(
            stream, self._detector, refreshed_since=min(starts) - self._settings.cool_down
        )
        return Lives(
            self._settings.hysteresis, [alert for alert in live if alert.test in ours], ended
        )

    def _alerting(self, claim: Claim, lives: Lives) -> Alerting:
        return Alerting(
            self._settings,
            detector=self._detector,
            layers=self._columns[n_label_columns(self._settings.tests) : -1],
            classes=self._classes,
            states=self.memory.states,
            lives=lives,
            progress=claim.progress,
            read=self._read_dated,
            now=claim.at,
            name=self._name,
        )

    def _read_several(
        self, segments: Sequence[str], begins: datetime, until: datetime
    ) -> Iterator[tuple[str, Counts]]:
        """Yield the counts of several segments, some of them at a time."""
        n_counts = ((until - begins) // self._settings.window + 1) * len(self._columns)
        at_once = max(MOST_READ // n_counts, 1)
        for first in range(0, len(segments), at_once):
            some = segments[first : first + at_once]
            found = windows_of_segments(self._histograms(some, begins, until), self._columns)
            for segment in some:
                yield segment, found[segment][1] if segment in found else NO_COUNTS

    def _read_dated(
        self, segment: str, begins: datetime, until: datetime
    ) -> tuple[list[datetime], Counts]:
        found = self._histograms([segment], begins, until)
        return windows_of_segments(found, self._columns).get(segment, ([], NO_COUNTS))

    def _histograms(
        self, segments: Sequence[str], begins: datetime, until: datetime
    ) -> HistogramRows:
        found = self._store.histograms(
            *(self._settings.stream, self._detector),
            after=begins - INSTANT,
            until=until,
            segments=segments,
        )
        if not self._goes_on():
            raise RecordConflict(
                f"another agent took over judging {self._settings.stream!r} while this one read the windows of "
                f"{segments[0]!r}; nothing of the slice was written",
                hint="another agent judges these windows",
            )
        return found
