"""The monitor: reads closed windows in order, judges them, and writes the result in one transaction."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

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
from .alerting import Alerting
from .baseline import learn_baseline, learn_baselines
from .design_effect import Counts
from .learning import Learning
from .monitor_settings import MonitorSettings
from .segment_states import KeptState, SegmentStates
from .turn import Turn

log = logging.getLogger(__name__)

FORMAT = 3
"""Of the stored state; a state of another format is ignored, and evidence is reset."""
INSTANT = timedelta(microseconds=1)


class MonitorStore(Protocol):
    """The database, as far as the monitor needs it."""

    def claim_windows(
        self,
        stream: str,
        detector: str,
        *,
        window_seconds: int,
        idle_seconds: float,
        grace_seconds: float,
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

    def monitor_state(self, stream: str) -> MonitorState | None:
        """Return what the last turn kept."""

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

    It keeps nothing that it could not read again: any agent may take the next turn.

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
        learn = partial(learn_baseline, tests=settings.tests)
        self._fitted = learn_baselines(reference, settings.tests)
        self._learning = Learning(settings.learn, self._read_windows, learn)

    @property
    def detector(self) -> str:
        """The version whose windows it judges."""
        return self._detector

    def turn(self) -> list[AlertRecord]:
        """Judge what has closed since the last turn; return alerts opened, raised again, resolved.

        Raises:
            RecordConflict: another agent's monitor was faster; nothing was written.
            StoreUnavailable: the database does not answer; nothing was written.
        """
        claim = self._claim()
        if not claim.windows and not claim.late:
            return []
        previous = self._store.monitor_state(self._settings.stream)  # no older than the claim
        kept = self._kept(previous)
        self._learning.resume(kept.get("learning", {}))
        states = SegmentStates(self._settings.tests)
        lives = self._lives(claim)
        alerting = self._alerting(claim, states, lives)
        stored = _kept_segments(kept)
        turn = Turn(
            self._settings,
            fitted=self._fitted,
            learning=self._learning,
            kept=stored,
            states=states,
            alerting=alerting,
            now=claim.at,
        )
        turn.judge_late(_by_segment(claim.late, self._columns))
        for start, segments in _by_window(claim.windows, self._columns):
            turn.judge_window(start, segments)
        return self._write(previous, claim, {**stored, **_states(states)}, lives)

    def _write(
        self,
        previous: MonitorState | None,
        claim: Claim,
        segments: Mapping[str, KeptState],
        lives: Lives,
    ) -> list[AlertRecord]:
        alerts = lives.changed
        state = {
            "format": FORMAT,
            "detector": self._detector,
            "segments": {name: _dumped(state) for name, state in segments.items()},
            "learning": self._learning.dump(),
        }
        stored = self._store.judge(
            Judgement(
                stream=self._settings.stream,
                previous_cursor=previous.cursor if previous else None,
                monitor=MonitorState(_cursor(previous, claim), json.dumps(state)),
                alerts=alerts,
                claim=claim,
                incident_span=self._settings.incident_windows * self._settings.window,
            )
        )
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
        )

    def _kept(self, previous: MonitorState | None) -> dict[str, Any]:
        kept: dict[str, Any] = json.loads(previous.state) if previous else {}
        if kept.get("detector") != self._detector:  # another detector's p-values, another baseline
            return {}
        return kept

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

    def _alerting(self, claim: Claim, states: SegmentStates, lives: Lives) -> Alerting:
        return Alerting(
            self._settings,
            detector=self._detector,
            layers=self._columns[:-1],
            states=states,
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


def _kept_segments(kept: Mapping[str, Any]) -> dict[str, KeptState]:
    """Return each segment's stored state, none where a version before wrote it."""
    segments: Mapping[str, Any] = kept.get("segments", {})
    if segments and kept.get("format") != FORMAT:
        log.warning(
            "the evidence of %s segments was stored by another version of driftgauge and is "
            "reset; alerts and learnt baselines are kept",
            len(segments),
            extra=action("evidence_restarted", segments=len(segments)),
        )
        return {}
    return {
        name: KeptState(
            state["memory"],
            {test: base64.b64decode(packed) for test, packed in state["evidence"].items()},
        )
        for name, state in segments.items()
    }


def _states(states: SegmentStates) -> dict[str, KeptState]:
    return {segment: states.dump(segment) for segment in states}


def _dumped(state: KeptState) -> dict[str, Any]:
    """Return JSON-ready values."""
    evidence = {test: base64.b64encode(packed).decode() for test, packed in state.evidence.items()}
    return {"memory": state.memory, "evidence": evidence}


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
