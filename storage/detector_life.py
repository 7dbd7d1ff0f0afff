"""Changes of a detector version's status, each in one transaction with its row in the history."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, insert, select

from .alert_records import LIVE_STATES
from .alerts import log_step
from .class_slots import name_classes
from .detector_records import DetectorAction, DetectorRecord, DetectorStatus
from .detectors import activations, read_changes, read_detector, read_detectors
from .errors import RecordConflict
from .shadows import shadow_name, take_over_baselines
from .tables import alert, detector, detector_change, segment_baseline, segment_state
from .trial_tables import detector_trial, shadow_alarm
from .upsert import upsert

_LIST = "driftgauge detectors list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Who changes a status, why and when.

    Attributes:
        at: by the database's clock.
    """

    by: str
    note: str
    at: datetime


def register_detector(connection: Connection, record: DetectorRecord, reason: Reason) -> None:
    """Insert or update a version; an active one takes over from the one before it.

    One that is known keeps its status, unless it is to be active, or a candidate is refused.
    """
    known = read_detector(connection, record.stream, record.detector)
    is_used = record.status in ("active", "shadow")
    first = replace(record, status="candidate") if is_used else record
    _write(connection, first)
    if known is None:
        _log(connection, first, "registered", reason)
    own = (record.stream, record.detector, reason)
    if record.active and not (known and known.active):
        promote_detector(connection, *own, even_refused=True)
    elif record.status == "shadow":
        shadow_detector(connection, *own, even_refused=True)
    elif known and (known.status, record.status) == ("candidate", "refused"):
        refuse_detector(connection, *own)


def promote_detector(
    connection: Connection, stream: str, name: str, reason: Reason, *, even_refused: bool = False
) -> DetectorRecord:
    """Let a version score the stream from now on; live alerts are judged by it.

    Raises:
        RecordConflict: it is unknown, active, pruned, or refused and not to be promoted then.
    """
    versions = read_detectors(connection, stream, lock=True)
    found = _usable(versions, stream, name, even_refused=even_refused)
    if found.active:
        raise RecordConflict(f"detector {name} of stream {stream!r} is active already", hint=_LIST)
    for one in versions:
        if one.active:
            replaced = _noted(reason, f"by {name}")
            _move(connection, one, "retired", "replaced", replaced)
    take_over_baselines(connection, stream, name)
    _move(connection, found, "active", "promoted", reason)
    _hand_over_alerts(connection, stream, name, reason, "promoted")
    return _again(connection, found)


def rollback_detector(
    connection: Connection, stream: str, reason: Reason
) -> tuple[DetectorRecord, DetectorRecord]:
    """Let the version that was active before score the stream again; return the one left and that one.

    Raises:
        RecordConflict: there is none.
    """
    versions = {one.detector: one for one in read_detectors(connection, stream, lock=True)}
    stack = activations(read_changes(connection, stream))
    if len(stack) < 2:  # noqa: PLR2004 - the active one and the one before it
        raise RecordConflict(
            f"stream {stream!r} has no detector to roll back to: none was active before "
            f"{stack[-1] if stack else 'the first'}",
            hint="driftgauge detectors promote NAME",
        )
    left, target = versions[stack[-1]], versions[stack[-2]]
    _refuse_pruned(target)
    _move(connection, left, "retired", "rolled back", _noted(reason, f"to {target.detector}"))
    restored = _noted(reason, f"instead of {left.detector}")
    _move(connection, target, "active", "restored", restored)
    _hand_over_alerts(connection, stream, target.detector, reason, "rolled back to")
    return _again(connection, left), _again(connection, target)


def shadow_detector(
    connection: Connection, stream: str, name: str, reason: Reason, *, even_refused: bool = False
) -> DetectorRecord:
    """Let a version score beside the active one; a shadow that there is ends.

    Raises:
        RecordConflict: it is unknown, active, pruned or refused, or the stream has no active one.
    """
    versions = read_detectors(connection, stream, lock=True)
    found = _usable(versions, stream, name, even_refused=even_refused)
    if found.active or not any(one.active for one in versions):
        why = "is active" if found.active else "would score alone: the stream has no active one"
        raise RecordConflict(f"detector {name} cannot be a shadow: it {why}", hint=_LIST)
    for one in versions:
        if one.status == "shadow" and one.detector != name:
            _move(connection, one, "retired", "superseded", _noted(reason, f"by {name}"))
    if found.status != "shadow":
        _move(connection, found, "shadow", "shadowed", reason)
    return _again(connection, found)


def refuse_detector(
    connection: Connection, stream: str, name: str, reason: Reason
) -> DetectorRecord:
    """Use a version for nothing, for the reason that the note says; a shadow ends.

    Raises:
        RecordConflict: it is unknown or active.
    """
    found = _find(read_detectors(connection, stream, lock=True), stream, name)
    if found.active:
        raise RecordConflict(
            f"detector {name} is active and cannot be refused",
            hint="driftgauge detectors rollback, or promote another one first",
        )
    if found.status != "refused":
        _move(connection, found, "refused", "refused", reason)
    return _again(connection, found)


def note_pruned(connection: Connection, stream: str, name: str, reason: Reason) -> None:
    """Note that the version's artifact was deleted, and forget what only it can use."""
    found = _find(read_detectors(connection, stream, lock=True), stream, name)
    own = (detector.c.stream == stream, detector.c.detector == name)
    connection.execute(detector.update().where(*own).values(pruned_at=reason.at))
    for table in (segment_state, segment_baseline, shadow_alarm):
        names = table.c.detector.in_((name, shadow_name(name)))
        connection.execute(table.delete().where(table.c.stream == stream, names))
    _log(connection, found, "pruned", reason, before=found.status)


def _write(connection: Connection, record: DetectorRecord) -> None:
    row = {
        "stream": record.stream,
        "detector": record.detector,
        "uri": record.uri,
        "created_at": record.created_at,
        "manifest": dict(record.manifest),
        "status": record.status,
        "pruned_at": None,
    }
    statement = upsert(connection, detector)
    changed = {name: statement.excluded[name] for name in ("uri", "manifest", "pruned_at")}
    connection.execute(
        statement.on_conflict_do_update(index_elements=detector.primary_key, set_=changed), row
    )
    name_classes(connection, record.stream, record.detector, record.manifest)


def _usable(
    versions: list[DetectorRecord], stream: str, name: str, *, even_refused: bool
) -> DetectorRecord:
    found = _find(versions, stream, name)
    _refuse_pruned(found)
    if found.status == "refused" and not even_refused:
        raise RecordConflict(
            f"detector {name} was refused",
            hint=f"driftgauge detectors show {name} says why; --force uses it all the same",
        )
    return found


def _find(versions: list[DetectorRecord], stream: str, name: str) -> DetectorRecord:
    found = next((one for one in versions if one.detector == name), None)
    if found is None:
        raise RecordConflict(f"stream {stream!r} has no detector {name!r}", hint=_LIST)
    return found


def _refuse_pruned(found: DetectorRecord) -> None:
    if found.pruned_at is not None:
        raise RecordConflict(
            f"the artifact of detector {found.detector} was deleted at {found.pruned_at:%Y-%m-%d %H:%M} "
            "UTC by driftgauge detectors prune",
            hint="fit again, or promote another one",
        )


def _move(
    connection: Connection,
    found: DetectorRecord,
    status: DetectorStatus,
    action: DetectorAction,
    reason: Reason,
) -> None:
    own = (detector.c.stream == found.stream, detector.c.detector == found.detector)
    connection.execute(detector.update().where(*own).values(status=status))
    if found.status == "shadow":
        _stop_trial(connection, found, action, reason)
    _log(connection, replace(found, status=status), action, reason, before=found.status)


def _stop_trial(
    connection: Connection, found: DetectorRecord, action: DetectorAction, reason: Reason
) -> None:
    """End the trial that a shadow was on, unless what ends it has noted that itself."""
    table = detector_trial.c
    said = f"{action} by {reason.by}" + (f": {reason.note}" if reason.note else "")
    connection.execute(
        detector_trial.update()
        .where(table.stream == found.stream, table.detector == found.detector)
        .where(table.state == "running")
        .values(state="stopped", ended_at=reason.at, reason=said)
    )


def _log(
    connection: Connection,
    found: DetectorRecord,
    action: DetectorAction,
    reason: Reason,
    *,
    before: DetectorStatus | None = None,
) -> None:
    row = {
        "stream": found.stream,
        "detector": found.detector,
        "action": action,
        "from_status": before,
        "to_status": found.status,
        "changed_at": reason.at,
        "actor": reason.by,
        "note": reason.note,
    }
    connection.execute(insert(detector_change), row)


def _hand_over_alerts(
    connection: Connection, stream: str, name: str, reason: Reason, said: str
) -> None:
    """Let the stream's live alerts live on, judged by another version, which their history names."""
    own = (alert.c.stream == stream, alert.c.state.in_(LIVE_STATES))
    for number, state, raised_by in connection.execute(
        select(alert.c.id, alert.c.state, alert.c.detector).where(*own).with_for_update()
    ).all():
        judged_by = None if raised_by == name else name
        connection.execute(alert.update().where(alert.c.id == number).values(judged_by=judged_by))
        told = f"judged by detector {name} from now on, which was {said}"
        log_step(connection, number, state, state, at=reason.at, by=reason.by, note=told)


def _noted(reason: Reason, what: str) -> Reason:
    note = f"{what}: {reason.note}" if reason.note else what
    return Reason(by=reason.by, note=note, at=reason.at)


def _again(connection: Connection, found: DetectorRecord) -> DetectorRecord:
    return read_detector(connection, found.stream, found.detector) or found
