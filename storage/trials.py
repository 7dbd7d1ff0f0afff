"""Detectors on trial beside the active one: begun, read, and ended with a promotion or a refusal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from . import trial_life
from .database import Database
from .detector_life import Reason
from .retraining_records import GateCheck
from .shadow_rates import read_shadow_alarms, read_shadow_blocks
from .trial_life import Outcome
from .trial_records import ShadowAlarm, ShadowBlock, TrialRecord
from .trial_tables import detector_trial


class Trials:
    """Trials of one database's detectors; each call is one transaction.

    Args:
        database: upgraded to this version.
        now: gives the database's time.
    """

    def __init__(self, database: Database, now: Callable[[Connection], datetime]) -> None:
        self._database = database
        self._now = now

    def begin(
        self,
        stream: str,
        name: str,
        *,
        lasts: timedelta,
        by: str,
        note: str = "",
        even_refused: bool = False,
    ) -> TrialRecord:
        """Let a version score beside the active one until it is decided; a shadow that there is ends.

        Raises:
            RecordConflict: it is unknown, active, pruned or refused, or the stream has no active one.
        """
        with self._database.write() as connection:
            reason = Reason(by=by, note=note, at=self._now(connection))
            return trial_life.begin_trial(
                connection, stream, name, reason, lasts=lasts, even_refused=even_refused
            )

    def running(self, stream: str) -> TrialRecord | None:
        """Return the trial that runs."""
        with self._database.read() as connection:
            return trial_life.read_trial(connection, stream)

    def all(self, stream: str) -> list[TrialRecord]:
        """Return the trials of a stream's versions, newest first."""
        with self._database.read() as connection:
            return trial_life.read_trials(connection, stream)

    def checks(self, number: int) -> list[GateCheck]:
        """Return what one trial found, in order."""
        with self._database.read() as connection:
            return trial_life.read_trial_checks(connection, number)

    def blocks(self, trial: TrialRecord, block: timedelta) -> list[ShadowBlock]:
        """Return what both versions counted since the trial began, by segment and part of the time."""
        with self._database.read() as connection:
            return read_shadow_blocks(
                connection,
                trial.stream,
                active=trial.basis,
                shadow=trial.detector,
                since=trial.counted_since,
                block=block,
            )

    def alarms(self, trial: TrialRecord) -> list[ShadowAlarm]:
        """Return where the version would have raised an alert since the trial began."""
        with self._database.read() as connection:
            alarms = read_shadow_alarms(connection, trial.stream, trial.detector)
        return [alarm for alarm in alarms if alarm.last_at >= trial.counted_since]

    def restart(self, trial: TrialRecord, active: str) -> None:
        """Compare with another active version from now on."""
        with self._database.write() as connection:
            trial_life.restart_trial(connection, trial, active, self._now(connection))

    def note_waits(self, trial: TrialRecord, why: str) -> None:
        """Note why a trial whose time is over is not decided yet."""
        table = detector_trial.c
        with self._database.write() as connection:
            connection.execute(
                detector_trial.update()
                .where(table.id == trial.id, table.state == "running")
                .values(reason=why)
            )

    def end(
        self,
        trial: TrialRecord,
        outcome: Outcome,
        checks: Sequence[GateCheck],
        *,
        by: str,
        note: str,
    ) -> bool:
        """Promote the version or refuse it; return whether the trial still ran and this ended it.

        Raises:
            RecordConflict: the version cannot be promoted any more.
        """
        with self._database.write() as connection:
            reason = Reason(by=by, note=note, at=self._now(connection))
            return trial_life.end_trial(connection, trial, outcome, checks, reason)
