"""Takes a candidate that passed its gate through its shadow to its promotion or its refusal, by itself."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from driftgauge.detector import Detector, DetectorError, load_detector
from driftgauge.storage import (
    LIVE_STATES,
    POOL,
    UNRATED,
    AlertRecord,
    GateCheck,
    RecordConflict,
    Store,
    TrialRecord,
)

from ..log import action
from ..retrain.candidate import reference_hits
from ..retrain.gate import refusal
from ..retrain.spans import NORMAL_VERDICTS
from ..review.retraining_state import waiting_candidate
from .trial_checks import N_BLOCKS, RATES, TrialInput, check_trial, missed_alerts

log = logging.getLogger(__name__)

MOST_TIMES = 7
"""A trial that has seen too little quiet traffic goes on, up to so many times its length."""

YOUNG = 0.125
"""An alert that came in so late a part of a trial may still be found by the shadow."""

LOOKS = 50
"""So often in its length is a trial looked at that waits for something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSettings:
    """What a trial needs to know of its stream.

    Attributes:
        seconds_between_false_alarms: the budget of all segments together.
    """

    stream: str
    alpha: float
    seconds_between_false_alarms: float


class ShadowTrial:
    """Begins and ends the trials of one stream. Who calls holds a lease; all it knows is in the database.

    A kill loses nothing: a status changes in one transaction with the trial's row, and the next turn, of
    any agent, goes on from there.
    """

    def __init__(self, store: Store, settings: TrialSettings) -> None:
        self._store = store
        self._settings = settings
        self._look_at: datetime | None = None

    def turn(self) -> None:
        """Begin, restart or end a trial if that is due.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        stream = self._settings.stream
        active, trial = self._store.active_detector(stream), self._store.trials.running(stream)
        if active is None:
            return
        try:
            if trial is None:
                self._begin(active.detector)
            elif trial.basis != active.detector:
                self._restart(trial, active.detector)
            elif self._is_due(trial):
                self._decide(trial)
        except RecordConflict as conflict:  # a person was faster
            log.info("%s", conflict, extra=action("trial_ended_elsewhere"))

    def _begin(self, active: str) -> None:
        record = waiting_candidate(self._store, self._settings.stream)
        if record is None or record.basis != active:
            return
        stream, name = self._settings.stream, record.candidate or ""
        by, note = f"retraining {record.id}", "passed its gate"
        seconds = float(record.plan["shadow_seconds"])
        if not seconds:
            self._store.versions.promote(stream, name, by=by, note=note)
            log.info(
                "detector %s passed its gate and is promoted, since retrain.shadow is 0",
                name,
                extra=action("candidate_promoted", detector=name),
            )
            return
        if self._store.versions.shadow_of(stream) is not None:  # a person's
            return
        trial = self._store.trials.begin(
            stream, name, lasts=timedelta(seconds=seconds), by=by, note=note
        )
        log.info(
            "detector %s scores beside %s until %s UTC, and is then promoted or refused",
            *(name, trial.basis, f"{trial.due_at:%Y-%m-%d %H:%M}"),
            extra=action("trial_begun", detector=name, active=trial.basis),
        )

    def _restart(self, trial: TrialRecord, active: str) -> None:
        self._store.trials.restart(trial, active)
        log.info(
            "detector %s became active: the trial of %s begins anew beside it",
            *(active, trial.detector),
            extra=action("trial_restarted", detector=trial.detector, active=active),
        )

    def _is_due(self, trial: TrialRecord) -> bool:
        """Return whether its time is over, and it was not looked at just now."""
        now = self._store.clock()
        if now < trial.due_at or (self._look_at is not None and now < self._look_at):
            return False
        self._look_at = now + timedelta(seconds=trial.lasts_seconds / LOOKS)
        return True

    def _decide(self, trial: TrialRecord) -> None:
        record = self._store.versions.get(trial.stream, trial.detector)
        try:
            detector = load_detector(Path(record.uri if record else ""))
        except DetectorError as error:
            self._end(trial, [], f"its artifact cannot be read: {error}")
            return
        seen, now = self._seen(trial, detector), self._store.clock()
        checks = check_trial(seen)
        is_last = now >= trial.begun_at + MOST_TIMES * timedelta(seconds=trial.lasts_seconds)
        waits = "" if is_last else why_waiting(seen, checks, trial, now)
        if waits:
            self._wait(trial, waits)
        elif why := refusal(checks):
            self._end(trial, checks, why)
        elif not has_rate(checks):
            self._end(trial, checks, f"too little quiet traffic in {MOST_TIMES} times its length")
        else:
            self._end(trial, checks, "")

    def _wait(self, trial: TrialRecord, why: str) -> None:
        if trial.reason == why:
            return
        self._store.trials.note_waits(trial, why)
        log.info(
            "the trial of detector %s goes on: %s",
            *(trial.detector, why),
            extra=action("trial_waits", detector=trial.detector),
        )

    def _end(self, trial: TrialRecord, checks: list[GateCheck], why: str) -> None:
        note = why or f"its trial beside {trial.basis} held"
        ended = self._store.trials.end(
            trial, "refused" if why else "promoted", checks, by=f"trial {trial.id}", note=note
        )
        if not ended:
            return
        self._look_at = None
        if why:
            log.warning(
                "detector %s is refused after its trial: %s",
                *(trial.detector, why),
                extra=action("trial_refused", detector=trial.detector),
            )
        else:
            log.info(
                "detector %s is promoted: %s",
                *(trial.detector, note),
                extra=action("trial_promoted", detector=trial.detector),
            )

    def _seen(self, trial: TrialRecord, detector: Detector) -> TrialInput:
        block = timedelta(seconds=trial.lasts_seconds / N_BLOCKS)
        blocks = self._store.trials.blocks(trial, block)
        names = {one.segment for one in blocks} | {POOL}
        hits = {name: reference_hits(detector, name, self._settings.alpha) for name in names}
        span = (self._store.clock() - trial.begun_at).total_seconds()
        return TrialInput(
            blocks=blocks,
            alarms=self._store.trials.alarms(trial),
            alerts=[one for one in self._store.alerts(trial.stream) if _counts(one, trial)],
            since=trial.counted_since,
            reference={name: own for name, own in hits.items() if own is not None},
            alpha=self._settings.alpha,
            false_alarms=span / self._settings.seconds_between_false_alarms,
        )


def has_rate(checks: list[GateCheck]) -> bool:
    """Return whether the rate of the whole stream was compared."""
    return any(
        (check.name, check.segment) == (RATES, POOL) and check.verdict != "not checked"
        for check in checks
    )


def why_waiting(
    seen: TrialInput, checks: list[GateCheck], trial: TrialRecord, now: datetime
) -> str:
    """Return in words what a trial waits for; empty where it can be decided."""
    young = timedelta(seconds=YOUNG * trial.lasts_seconds)
    fresh = [alert for alert in missed_alerts(seen) if now - alert.opened_at < young]
    if fresh:
        return f"alert {fresh[0].id} came late in it, and may still be found"
    if not has_rate(checks) and not refusal(checks):
        pool = next(check for check in checks if (check.name, check.segment) == (RATES, POOL))
        return pool.words
    return ""


def _counts(alert: AlertRecord, trial: TrialRecord) -> bool:
    is_over = alert.state not in LIVE_STATES and alert.refreshed_at < trial.counted_since
    return alert.test not in UNRATED and alert.verdict not in NORMAL_VERDICTS and not is_over
