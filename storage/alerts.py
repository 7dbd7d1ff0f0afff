"""Alerts, their life, and the monitor's turn that raises them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, insert, select

from .errors import RecordConflict
from .progress import mark_judged
from .records import SEVERITIES, AlertRecord, AlertTransition, Judgement, MonitorState
from .tables import alert, alert_transition, monitor_state
from .upsert import upsert, wrote_one

MONITOR = "monitor"
_LIFE = ("open", "acknowledged", "resolved")
_FIELDS = (
    *("stream", "segment", "test", "detector", "state", "severity", "opened_at", "since"),
    *("window_start", "refreshed_at", "resolved_at", "rate_now", "rate_normal", "events"),
    *("layers", "message"),
)
_COLUMNS = (alert.c.id, *(alert.c[name] for name in _FIELDS))
_REFRESHED = (
    *("severity", "since", "refreshed_at", "rate_now", "rate_normal", "events"),
    *("layers", "message"),
)


def read_monitor_state(connection: Connection, stream: str) -> MonitorState | None:
    """Return the monitor's memory of the stream, None before its first turn."""
    table = monitor_state.c
    query = select(table.judged_until, table.state).where(table.stream == stream)
    row = connection.execute(query).first()
    return None if row is None else MonitorState(cursor=row.judged_until, state=row.state)


def write_judgement(
    connection: Connection, judgement: Judgement, now: datetime
) -> list[AlertRecord]:
    """Move the cursor and write the alerts; return them as stored, in the given order.

    Changed alerts are written before new ones, so that a turn may resolve one and open the next.
    """
    _move_cursor(connection, judgement)
    if judgement.claim is not None:
        mark_judged(connection, judgement.stream, judgement.claim)
    return write_alerts(connection, judgement.alerts, now)


def write_alerts(
    connection: Connection, alerts: Sequence[AlertRecord], now: datetime
) -> list[AlertRecord]:
    """Write new and changed alerts; return them as stored, in the given order."""
    stored: dict[int, AlertRecord] = {}
    for index, record in enumerate(alerts):
        if record.id is not None:
            stored[index] = _refresh(connection, record.id, record, now)
    for index, record in enumerate(alerts):
        if record.id is None:
            stored[index] = _open(connection, record)
    return [stored[index] for index in range(len(alerts))]


def read_alerts(
    connection: Connection,
    *,
    stream: str | None,
    states: Collection[str] | None,
    segment: str | None,
    ids: Collection[int] | None,
    limit: int | None,
) -> list[AlertRecord]:
    """Return the alerts that fit, newest first."""
    query = select(*_COLUMNS).order_by(alert.c.opened_at.desc(), alert.c.id.desc()).limit(limit)
    if stream is not None:
        query = query.where(alert.c.stream == stream)
    if states is not None:
        query = query.where(alert.c.state.in_(states))
    if segment is not None:
        query = query.where(alert.c.segment == segment)
    if ids is not None:
        query = query.where(alert.c.id.in_(ids))
    return [AlertRecord(*row) for row in connection.execute(query)]


def read_alert(connection: Connection, alert_id: int, *, lock: bool = False) -> AlertRecord | None:
    """Return one alert; *lock* keeps others from changing it until the transaction ends."""
    query = select(*_COLUMNS).where(alert.c.id == alert_id)
    row = connection.execute(query.with_for_update() if lock else query).first()
    return None if row is None else AlertRecord(*row)


def transition_alert(
    connection: Connection, alert_id: int, state: str, *, at: datetime, by: str, note: str
) -> AlertRecord:
    """Move an alert forward in its life; asking for the state it has changes nothing."""
    found = _require(connection, alert_id)
    if state not in _LIFE:
        raise ValueError(f"{state!r} is not a state of an alert; wanted one of {', '.join(_LIFE)}")
    if _LIFE.index(state) < _LIFE.index(found.state):
        raise RecordConflict(f"alert {alert_id} is {found.state} and cannot become {state} again")
    if state != found.state:
        _change_state(connection, found, state, at=at, by=by, note=note)
    return _require(connection, alert_id)


def read_transitions(connection: Connection, alert_id: int) -> list[AlertTransition]:
    """Return the steps in an alert's life in order."""
    table = alert_transition.c
    query = select(
        *(table.alert_id, table.from_state, table.to_state),
        *(table.changed_at, table.actor, table.note),
    )
    rows = connection.execute(query.where(table.alert_id == alert_id).order_by(table.id))
    return [AlertTransition(*row) for row in rows]


def _move_cursor(connection: Connection, judgement: Judgement) -> None:
    table = monitor_state.c
    values = {"judged_until": judgement.monitor.cursor, "state": judgement.monitor.state}
    if judgement.previous_cursor is None:
        first = upsert(connection, monitor_state).on_conflict_do_nothing()
        moved = wrote_one(connection, first, {"stream": judgement.stream, **values})
    else:
        expected = table.judged_until == judgement.previous_cursor
        step = monitor_state.update().where(table.stream == judgement.stream, expected)
        moved = connection.execute(step.values(values)).rowcount == 1
    if not moved:
        found = read_monitor_state(connection, judgement.stream)
        raise RecordConflict(
            f"the monitor of stream {judgement.stream!r} is at "
            f"{found.cursor if found else None}, this turn started from "
            f"{judgement.previous_cursor}; nothing was written",
            hint="another agent judged these windows; read its state and continue from there",
        )


def _open(connection: Connection, record: AlertRecord) -> AlertRecord:
    values = {name: getattr(record, name) for name in _FIELDS}
    values["layers"] = [dict(layer) for layer in record.layers]
    key = connection.execute(insert(alert), values).inserted_primary_key
    alert_id = int(key[0]) if key else 0
    _log(connection, alert_id, None, record.state, at=record.opened_at, by=MONITOR, note="")
    return _require(connection, alert_id)


def _refresh(
    connection: Connection, alert_id: int, record: AlertRecord, now: datetime
) -> AlertRecord:
    found = _require(connection, alert_id)
    if found.state == "resolved":  # a person's decision outranks the monitor
        return found
    values = {name: getattr(record, name) for name in _REFRESHED}
    values["layers"] = [dict(layer) for layer in record.layers]
    connection.execute(alert.update().where(alert.c.id == alert_id).values(values))
    if SEVERITIES.index(record.severity) > SEVERITIES.index(found.severity):
        note = f"{found.severity} became {record.severity}"
        _log(connection, alert_id, found.state, found.state, at=now, by=MONITOR, note=note)
    if _LIFE.index(record.state) > _LIFE.index(found.state):
        at = record.resolved_at or now
        _change_state(connection, found, record.state, at=at, by=MONITOR, note="")
    return _require(connection, alert_id)


def _change_state(
    connection: Connection, found: AlertRecord, state: str, *, at: datetime, by: str, note: str
) -> None:
    alert_id = found.id or 0
    values: dict[str, object] = {"state": state}
    if state == "resolved":
        values["resolved_at"] = at
    connection.execute(alert.update().where(alert.c.id == alert_id).values(values))
    _log(connection, alert_id, found.state, state, at=at, by=by, note=note)


def _log(
    connection: Connection,
    alert_id: int,
    from_state: str | None,
    to_state: str,
    *,
    at: datetime,
    by: str,
    note: str,
) -> None:
    row = {
        "alert_id": alert_id,
        "from_state": from_state,
        "to_state": to_state,
        "changed_at": at,
        "actor": by,
        "note": note,
    }
    connection.execute(insert(alert_transition), row)


def _require(connection: Connection, alert_id: int) -> AlertRecord:
    found = read_alert(connection, alert_id, lock=True)
    if found is None:
        raise RecordConflict(
            f"alert {alert_id} does not exist", hint="driftgauge alerts list --all"
        )
    return found
