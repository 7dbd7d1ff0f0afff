"""What a person called normal joins the baseline: the windows of an accepted alert."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from driftgauge.storage import (
    POOL,
    AlertRecord,
    AlertTransition,
    HistogramRows,
    SegmentBaseline,
)

from ..log import action
from .baseline import learn_baseline
from .design_effect import Counts
from .judged_windows import NO_COUNTS, windows_of_segments
from .monitor_settings import MonitorSettings
from .stored_baseline import stored_windows, to_stored

log = logging.getLogger(__name__)

INSTANT = timedelta(microseconds=1)
MOST_SHARE = 2
"""Windows of a change that are taken, at most, for each one of the baseline before; the newest."""


class AcceptedStore(Protocol):
    """The database, as far as accepted alerts need it."""

    def accepted_alerts(self, stream: str, detector: str) -> list[AlertRecord]:
        """Return the alerts of which a person said that the change is normal."""

    def transitions(self, alert_id: int) -> list[AlertTransition]:
        """Return the steps in an alert's life in order."""

    def baselines(
        self, stream: str, detector: str, *, with_reference: bool = False
    ) -> list[SegmentBaseline]:
        """Return what is normal in each segment."""

    def write_baselines(
        self, stream: str, detector: str, baselines: Sequence[SegmentBaseline]
    ) -> None:
        """Store baselines."""

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


class Acceptance:
    """Makes accepted changes part of the baselines.

    Args:
        store: the database.
        detector: version whose baselines these are.
        columns: the score columns: the layers, then ``*``.
        reference: each segment's reference windows, kept by the detector.
        settings: how the monitor judges.
    """

    def __init__(
        self,
        store: AcceptedStore,
        *,
        detector: str,
        columns: Sequence[str],
        reference: Mapping[str, Counts],
        settings: MonitorSettings,
    ) -> None:
        self._store = store
        self._detector = detector
        self._columns = tuple(columns)
        self._reference = reference
        self._settings = settings

    def turn(self) -> list[str]:
        """Take in what was accepted since the last turn; return the segments whose baseline grew."""
        own = (self._settings.stream, self._detector)
        tests = {test.alert for test in self._settings.tests}
        accepted = [alert for alert in self._store.accepted_alerts(*own) if alert.test in tests]
        if not accepted:
            return []
        known = {row.segment: row for row in self._store.baselines(*own)}
        wanted = [
            (alert, segment)
            for alert in accepted
            for segment in dict.fromkeys((alert.segment, POOL))  # the whole holds its parts' change
            if _is_missing(alert, known.get(segment))
        ]
        if not wanted:
            return []
        known = {row.segment: row for row in self._store.baselines(*own, with_reference=True)}
        return [segment for alert, segment in wanted if self._accept(alert, known[segment])]

    def _accept(self, alert: AlertRecord, row: SegmentBaseline) -> bool:
        before = stored_windows(row, self._reference, self._settings.tests)
        seen = self._seen(alert, row.segment)[-MOST_SHARE * len(before.windows) :]
        if not len(seen):
            return False
        known = before.with_accepted(seen)
        tests, by = self._settings.tests, self._accepted_by(alert)
        baseline = learn_baseline(known, tests, is_known=True)
        if baseline is None:
            return False
        stored = to_stored(
            row.segment,
            baseline,
            tests,
            source="accepted",
            made_by=by,
            begins=row.begins,
            until=alert.refreshed_at + self._settings.window,
            grown_until=row.grown_until,
            anchor_shift=row.anchor_shift,
        )
        self._store.write_baselines(self._settings.stream, self._detector, [stored])
        log.info(
            "the change of alert %s is part of the baseline of %s now: %s accepted it; it has %s windows",
            *(alert.id, row.segment, by, len(known.windows)),
            extra=action("change_accepted", alert=alert.id, segment=row.segment, by=by),
        )
        return True

    def _seen(self, alert: AlertRecord, segment: str) -> Counts:
        """Return the windows of the change; of one that was still going on, all until now."""
        is_over = self._accepted_by(alert) != self._ended_by(alert)
        end = (
            alert.refreshed_at + INSTANT
            if is_over
            else datetime.max.replace(tzinfo=alert.since.tzinfo)
        )
        windows = self._store.histograms(
            self._settings.stream,
            self._detector,
            after=alert.since - INSTANT,
            until=end,
            segments=[segment],
        )
        found = windows_of_segments(windows, self._columns)
        return found[segment][1] if segment in found else NO_COUNTS

    def _ended_by(self, alert: AlertRecord) -> str:
        steps = self._store.transitions(alert.id or 0)
        ends = [step.by for step in steps if step.to_state != step.from_state]
        return ends[-1] if ends else ""

    def _accepted_by(self, alert: AlertRecord) -> str:
        steps = self._store.transitions(alert.id or 0)
        return next((step.by for step in reversed(steps) if step.note.startswith("accepted")), "")


def _is_missing(alert: AlertRecord, row: SegmentBaseline | None) -> bool:
    """Return whether the baseline lacks the alert's windows."""
    if row is None:
        return False
    return row.source != "accepted" or row.until is None or row.until <= alert.refreshed_at
