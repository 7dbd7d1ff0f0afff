"""The monitor: reads closed windows in order, judges them, and writes the result in one transaction."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from driftgauge.storage import (
    ENDED_STATES,
    LIVE_STATES,
    AlertRecord,
    Claim,
    Judgement,
    MonitorState,
    ShadowAlarm,
)

from ..alert.lives import Lives
from ..log import action
from .acceptance import Acceptance, AcceptedStore
from .alerting import NameFault
from .design_effect import Counts
from .judging import Judging, JudgingStore
from .monitor_settings import MonitorSettings

log = logging.getLogger(__name__)

MOST_COUNTS = 60_000
"""Histograms that one claim takes at most: what a turn holds in memory does not grow with its backlog."""


class MonitorStore(JudgingStore, AcceptedStore, Protocol):
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

    def monitor_state(self, stream: str, detector: str | None = None) -> MonitorState | None:
        """Return how far the last turn came."""

    def judge(self, judgement: Judgement) -> list[AlertRecord]:
        """Write a turn in one transaction."""


class Monitor:
    """Judges one stream's windows against each segment's baseline.

    It keeps nothing that it could not read again: any agent may take the next turn, and this one reads
    the database again then.

    Args:
        store: the database.
        detector: version whose windows are judged.
        columns: those of predictions where they are judged, the layers, then ``*``.
        reference: each segment's reference windows, kept by the detector.
        settings: how to judge.
        classes: that the model predicts on the reference, in the order of their bins.
        name: names the fault of an alert; None names none.
        is_silent: it raises no alert; its alarms are counted and logged.
    """

    def __init__(
        self,
        store: MonitorStore,
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
        self._is_silent = is_silent
        self._detector = detector
        self._settings = settings
        self._columns = tuple(columns)
        self._acceptance = Acceptance(
            store, detector=detector, columns=columns, reference=reference, settings=settings
        )
        self._judging = Judging(
            store,
            detector=detector,
            columns=columns,
            reference=reference,
            settings=settings,
            classes=classes,
            name=name,
            is_silent=is_silent,
        )

    @property
    def detector(self) -> str:
        """The version whose windows it judges."""
        return self._detector

    def turn(self, goes_on: Callable[[], bool] = lambda: True) -> list[AlertRecord]:
        """Judge what has closed since the last turn; return alerts opened, raised again, resolved.

        What has piled up is judged in slices, each in a transaction of its own.

        Args:
            goes_on: asked between slices, and whenever more of a segment was read; the rest is left to
                a later turn where it returns False.

        Raises:
            RecordConflict: another agent's monitor was faster; nothing of the slice was written.
            StoreUnavailable: the database does not answer; nothing of the slice was written.
        """
        told: list[AlertRecord] = []
        self._acceptance.turn()
        claim = self._claim()
        while claim.windows or claim.late:
            told += self._judge_or_forget(claim, goes_on)
            if not claim.unfinished or not goes_on():
                break
            claim = self._claim()
        return told

    def _judge_or_forget(self, claim: Claim, goes_on: Callable[[], bool]) -> list[AlertRecord]:
        try:
            return self._judge(claim, goes_on)
        except BaseException:
            self._judging.memory.forget_all()  # it may know what was not written
            raise

    def _judge(self, claim: Claim, goes_on: Callable[[], bool]) -> list[AlertRecord]:
        previous = self._store.monitor_state(self._settings.stream, self._detector)
        return self._write(previous, claim, self._judging.judge(claim, previous, goes_on))

    def _write(
        self, previous: MonitorState | None, claim: Claim, lives: Lives
    ) -> list[AlertRecord]:
        alerts = [] if self._is_silent else lives.changed
        alarms = lives.changed if self._is_silent else []
        state = MonitorState(_cursor(previous, claim), json.dumps({"turn": _turns(previous) + 1}))
        rows, forgotten = self._judging.memory.rows(), self._judging.memory.let_go(claim)
        stored = self._store.judge(
            Judgement(
                stream=self._settings.stream,
                previous_cursor=previous.cursor if previous else None,
                monitor=state,
                alerts=alerts,
                claim=claim,
                incident_span=self._settings.incident_windows * self._settings.window,
                site_of=self._settings.sites.of,
                detector=self._detector,
                baselines=self._judging.memory.new_baselines(),
                states=rows,
                forgotten=forgotten,
                shadow_alarms=[
                    ShadowAlarm(one.segment, one.test, one.window_start, one.window_start)
                    for one in alarms
                ],
            )
        )
        self._judging.memory.written(rows, state, forgotten)
        for alarm in alarms:
            log.info(
                "the detector beside the active one would raise an alert: %s",
                alarm.message,
                extra=action("shadow_alarm", detector=alarm.detector, segment=alarm.segment),
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
            most=MOST_COUNTS // len(self._columns),
        )


def _turns(previous: MonitorState | None) -> int:
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


def _cursor(previous: MonitorState | None, claim: Claim) -> datetime:
    """Return the newest window that was judged, of any segment."""
    starts = [row.window_start for row in claim.late]
    starts += [claim.windows.last] if claim.windows else []
    return max([*starts, previous.cursor] if previous else starts)
