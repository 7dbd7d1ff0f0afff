"""How a trial begins and ends, each in one transaction with the change of the detector's status."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, insert, select

from .detector_life import Reason, promote_detector, refuse_detector, shadow_detector
from .detectors import read_in_status
from .progress import POOL
from .retraining_records import CHECK_FIELDS, GateCheck
from .tables import segment_progress
from .trial_records import TrialRecord
from .trial_tables import detector_trial, detector_trial_check

Outcome = Literal["promoted", "refused"]

_TRIAL = tuple(
    detector_trial.c[name]
    for name in (
        *("id", "stream", "detector", "basis", "state", "asked_by", "begun_at", "counted_since"),
        *("lasts_seconds", "ended_at", "reason"),
    )
)


def begin_trial(
    connection: Connection,
    stream: str,
    name: str,
    reason: Reason,
    *,
    lasts: timedelta,
    even_refused: bool = False,
) -> TrialRecord:
    """Let a version score beside the active one until it is decided; a shadow that there is ends.

    Raises:
        RecordConflict: it is unknown, active, pruned or refused, or the stream has no active one.
    """
    shadow_detector(connection, stream, name, reason, even_refused=even_refused)
    active = read_in_status(connection, stream, "active")
    values = {
        "stream": stream,
        "detector": name,
        "basis": active.detector if active else "",
        "state": "running",
        "asked_by": reason.by,
        "begun_at": reason.at,
        "counted_since": _counted_since(connection, stream, active.detector if active else "", reason.at),
        "lasts_seconds": lasts.total_seconds(),
        "reason": "",
    }  # fmt: skip
    running = read_trial(connection, stream)
    if running is not None:  # of the same version
        return running
    key = connection.execute(insert(detector_trial), values).inserted_primary_key
    return _read(connection, int(key[0]) if key else 0)


def restart_trial(connection: Connection, trial: TrialRecord, active: str, now: datetime) -> None:
    """Compare with another active version from now on."""
    connection.execute(
        detector_trial.update()
        .where(detector_trial.c.id == trial.id, detector_trial.c.state == "running")
        .values(
            basis=active,
            begun_at=now,
            counted_since=_counted_since(connection, trial.stream, active, now),
            reason=f"begun anew, since {active} became active",
        )
    )


def end_trial(
    connection: Connection,
    trial: TrialRecord,
    outcome: Outcome,
    checks: Sequence[GateCheck],
    reason: Reason,
) -> bool:
    """Promote the version or refuse it; return whether the trial still ran and this ended it.

    Raises:
        RecordConflict: the version cannot be promoted or refused any more.
    """
    ended = connection.execute(
        detector_trial.update()
        .where(detector_trial.c.id == trial.id, detector_trial.c.state == "running")
        .where(detector_trial.c.basis == trial.basis)
        .values(state=outcome, ended_at=reason.at, reason=reason.note)
    )
    if not ended.rowcount:
        return False
    rows = [
        {"trial_id": trial.id, "position": place, **asdict(check)}
        for place, check in enumerate(checks)
    ]
    if rows:
        connection.execute(insert(detector_trial_check), rows)
    change = promote_detector if outcome == "promoted" else refuse_detector
    change(connection, trial.stream, trial.detector, reason)
    return True


def read_trial(connection: Connection, stream: str) -> TrialRecord | None:
    """Return the trial that runs."""
    table = detector_trial.c
    query = select(*_TRIAL).where(table.stream == stream, table.state == "running")
    row = connection.execute(query).first()
    return None if row is None else TrialRecord(*row)


def read_trials(connection: Connection, stream: str) -> list[TrialRecord]:
    """Return the trials of a stream's versions, newest first."""
    query = select(*_TRIAL).where(detector_trial.c.stream == stream)
    rows = connection.execute(query.order_by(detector_trial.c.id.desc()))
    return [TrialRecord(*row) for row in rows]


def read_trial_checks(connection: Connection, number: int) -> list[GateCheck]:
    """Return what one trial found, in order."""
    table = detector_trial_check.c
    query = select(*(table[name] for name in CHECK_FIELDS)).where(table.trial_id == number)
    return [GateCheck(*row) for row in connection.execute(query.order_by(table.position))]


def _counted_since(connection: Connection, stream: str, active: str, now: datetime) -> datetime:
    """Return the event time from which windows are compared: the newest so far, where it is past."""
    table = segment_progress.c
    newest = connection.scalar(
        select(table.event_time_max).where(
            table.stream == stream, table.detector == active, table.segment == POOL
        )
    )
    return now if newest is None else min(now, newest)


def _read(connection: Connection, number: int) -> TrialRecord:
    query = select(*_TRIAL).where(detector_trial.c.id == number)
    return TrialRecord(*connection.execute(query).one())
