"""The monitor: reads closed windows in order, judges them, and writes the result in one transaction."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np

from driftgauge.storage import (
    ENDED_STATES,
    LIVE_STATES,
    AlertRecord,
    Claim,
    Judgement,
    LateCounts,
    MonitorState,
    WindowRecord,
)

from ..alert.lives import Lives
from ..log import action
from .acceptance import Acceptance, AcceptedStore
from .alerting import Alerting
from .design_effect import Counts
from .monitor_memory import MonitorMemory, SegmentStore
from .monitor_settings import MonitorSettings
from .turn import Turn

log = logging.getLogger(__name__)

MOST_COUNTS = 60_000
"""Histograms that one claim takes at most: what a turn holds in memory does not grow with its backlog."""

INSTANT = timedelta(microseconds=1)


class MonitorStore(SegmentStore, AcceptedStore, Protocol):
    """The database, as far as the monitor needs it."""

    def claim_windows(
        self,
        stream: str,
        detector: str,
        *,
        window_seconds: int,
        idle_seconds: float,
        grace_seconds: float,
        most: int | None = None,
    ) -> Claim:
        """Take the closed windows that no turn has judged, and what came late to judged ones."""

    def windows(
        self,
        stream: str,
        detector: str,
        *,
        after: datetime | None,
        until: datetime,
        segments: Collection[str] | None = None,
    ) -> list[WindowRecord]:
        """Return windows in order of start."""

    def monitor_state(self, stream: str, detector: str | None = None) -> MonitorState | None:
        """Return how far the last turn came."""

    def judge(self, judgement: Judgement) -> list[AlertRecord]:
        """Write a turn in one transaction."""

    def alerts(
        self, stream: str | None = None, *, states: Collection[str] | None = None
    ) -> list[AlertRecord]:
        """Return alerts, newest first."""

    def continuable_alerts(
        self, stream: str, detector: str, *, refreshed_since: datetime
    ) -> list[AlertRecord]:
        """Return alerts that the monitor itself ended, last raised since then."""


class Monitor:
    """Judges one stream's windows against each segment's baseline.

    It keeps nothing that it could not read again: any agent may take the next turn, and this one reads
    the database again then.

    Args:
        store: the database.
        detector: version whose windows are judged.
        columns: the score columns: the layers, then ``*``.
        reference: each segment's reference windows, kept by the detector.
        settings: how to judge.
    """

    def __init__(
        self,
        store: MonitorStore,
        *,
        detector: str,
        columns: Sequence[str],
        reference: Mapping[str, Counts],
        settings: MonitorSettings,
    ) -> None:
        self._store = store
        self._detector = detector
        self._columns = tuple(columns)
        self._settings = settings
        self._acceptance = Acceptance(
            store, detector=detector, columns=columns, reference=reference, settings=settings
        )
        self._memory = MonitorMemory(
            store,
            detector=detector,
            reference=reference,
            settings=settings,
            read=self._read_windows,
        )

    @property
    def detector(self) -> str:
        """The version whose windows it judges."""
        return self._detector

    def turn(self, goes_on: Callable[[], bool] = lambda: True) -> list[AlertRecord]:
        """Judge what has closed since the last turn; return alerts opened, raised again, resolved.

        What has piled up is judged in slices, each in a transaction of its own.

        Args:
            goes_on: asked between slices; the rest is left to a later turn where it returns False.

        Raises:
            RecordConflict: another agent's monitor was faster; nothing of the slice was written.
            StoreUnavailable: the database does not answer; nothing of the slice was written.
        """
        told: list[AlertRecord] = []
        self._acceptance.turn()
        claim = self._claim()
        while claim.windows or claim.late:
            told += self._judge_or_forget(claim)
            if not claim.unfinished or not goes_on():
                break
            claim = self._claim()
        return told

    def _judge_or_forget(self, claim: Claim) -> list[AlertRecord]:
        try:
            return self._judge(claim)
        except BaseException:
            self._memory.forget_all()  # it may know what was not written
            raise

    def _judge(self, claim: Claim) -> list[AlertRecord]:
        previous = self._store.monitor_state(self._settings.stream, self._detector)
        self._memory.refresh(previous)  # no older than the claim
        lives = self._lives(claim)
        alerting = self._alerting(claim, lives)
        turn = Turn(self._settings, memory=self._memory, alerting=alerting, now=claim.at)
        turn.judge_late(_by_segment(claim.late, self._columns))
        for start, segments in _by_window(claim.windows, self._columns):
            turn.judge_window(start, segments)
        return self._write(previous, claim, lives)

    def _write(
        self, previous: MonitorState | None, claim: Claim, lives: Lives
    ) -> list[AlertRecord]:
        alerts = lives.changed
        state = MonitorState(_cursor(previous, claim), json.dumps({"turn": _turn(previous) + 1}))
        rows, forgotten = self._memory.rows(), self._memory.let_go(claim)
        stored = self._store.judge(
            Judgement(
                stream=self._settings.stream,
                previous_cursor=previous.cursor if previous else None,
                monitor=state,
                alerts=alerts,
                claim=claim,
                incident_span=self._settings.incident_windows * self._settings.window,
                detector=self._detector,
                baselines=self._memory.learnt(),
                states=rows,
                forgotten=forgotten,
            )
        )
        self._memory.written(rows, state, forgotten)
        for before, alert in zip(alerts, stored, strict=True):
            _tell(before, alert, is_again=alert.id in lives.reopened)
        return stored

    def _claim(self) -> Claim:
        settings = self._settings
        return self._store.claim_windows(
            settings.stream,
            self._detector,
            window_seconds=settings.window_seconds,
            idle_seconds=settings.idle_seconds,
            grace_seconds=settings.grace_seconds,
            most=MOST_COUNTS // len(self._columns),
        )

    def _lives(self, claim: Claim) -> Lives:
        """Return the alerts that live, and those that a change in these windows would continue."""
        starts = [row.window_start for row in claim.windows]
        starts += [row.window_start for row in claim.late]
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
            layers=self._columns[:-1],
            states=self._memory.states,
            lives=lives,
            progress=claim.progress,
            read=self._read_dated,
            now=claim.at,
        )

    def _read_windows(self, segment: str, begins: datetime, until: datetime) -> Counts:
        return self._read_dated(segment, begins, until)[1]

    def _read_dated(
        self, segment: str, begins: datetime, until: datetime
    ) -> tuple[list[datetime], Counts]:
        windows = self._store.windows(
            self._settings.stream,
            self._detector,
            after=begins - INSTANT,
            until=until,
            segments=[segment],
        )
        found = _by_window(windows, self._columns)
        counted = [segments[segment] for _, segments in found]
        return [start for start, _ in found], np.array(counted, dtype=np.int64)


def _turn(previous: MonitorState | None) -> int:
    """Return how many turns were written."""
    kept = json.loads(previous.state) if previous and previous.state else {}
    return int(kept.get("turn", 0))


def _tell(before: AlertRecord, alert: AlertRecord, *, is_again: bool) -> None:
    if before.id is None:
        log.warning(
            "alert %s opened: %s",
            alert.id,
            alert.message,
            extra=action("alert_opened", alert=alert.id, segment=alert.segment),
        )
    elif is_again and alert.state in LIVE_STATES:
        log.warning(
            "alert %s opened again: %s",
            *(alert.id, alert.message),
            extra=action("alert_reopened", alert=alert.id, segment=alert.segment),
        )
    elif alert.state in LIVE_STATES:
        log.info(
            "alert %s goes on: %s",
            *(alert.id, alert.message),
            extra=action("alert_refreshed", alert=alert.id, segment=alert.segment),
        )
    if alert.state in ENDED_STATES:
        log.info(
            "alert %s %s: %s",
            *(alert.id, alert.state, alert.segment),
            extra=action("alert_resolved", alert=alert.id, segment=alert.segment),
        )


def _by_window(
    windows: Sequence[WindowRecord], columns: Sequence[str]
) -> list[tuple[datetime, dict[str, Counts]]]:
    """Join the rows of each window to one ``(columns, bins)`` array a segment, in time order."""
    numbers = {layer: number for number, layer in enumerate(columns)}
    grouped: dict[datetime, dict[str, Counts]] = {}
    for window in windows:
        if window.layer not in numbers:
            continue
        counts = grouped.setdefault(window.window_start, {}).setdefault(
            window.segment, np.zeros((len(columns), len(window.counts)), dtype=np.int64)
        )
        counts[numbers[window.layer]] = window.counts
    return sorted(grouped.items(), key=lambda pair: pair[0])


def _by_segment(
    late: Sequence[LateCounts], columns: Sequence[str]
) -> dict[str, tuple[datetime, Counts]]:
    """Join what came late to one ``(columns, bins)`` array a segment, with its first window."""
    numbers = {layer: number for number, layer in enumerate(columns)}
    grouped: dict[str, tuple[datetime, Counts]] = {}
    for row in late:
        if row.layer not in numbers:
            continue
        zero = np.zeros((len(columns), len(row.counts)), dtype=np.int64)
        first, counts = grouped.get(row.segment, (row.window_start, zero))
        counts[numbers[row.layer]] += row.counts
        grouped[row.segment] = min(first, row.window_start), counts
    return grouped


def _cursor(previous: MonitorState | None, claim: Claim) -> datetime:
    """Return the newest window that was judged, of any segment."""
    starts = [window.window_start for window in claim.windows]
    starts += [row.window_start for row in claim.late]
    return max([*starts, previous.cursor] if previous else starts)
