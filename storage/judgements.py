"""What a turn of the monitor writes: its cursor, baselines, evidence and alerts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select

from .alert_columns import ALERT_FIELDS
from .alert_records import ENDED_STATES, SEVERITIES, AlertRecord
from .alerts import AGES, MONITOR, change_state, log_step, require_alert
from .claims import mark_judged
from .errors import RecordConflict
from .incident_records import SiteOf, no_site
from .incidents import INCIDENT_SPAN, join_incidents, settle_incidents
from .judgement_records import Judgement, MonitorState
from .segment_state import forget_segments, write_baselines, write_states
from .shadow_rates import add_shadow_alarms
from .shadows import scored_alone, version_of
from .tables import alert, alert_transition, monitor_state
from .upsert import upsert, wrote_one

REOPENED = "changed again within the cool-down"

_REFRESHED = (
    *("since", "refreshed_at", "rate_now", "rate_normal", "events"),
    *("layers", "message", "reopened", "looks_like", "faults"),
)


def read_monitor_state(
    connection: Connection, stream: str, detector: str | None
) -> MonitorState | None:
    """Return how far the monitor has come with *detector*, or with the one that is furthest."""
    table = monitor_state.c
    query = select(table.judged_until, table.state).where(table.stream == stream)
    if detector is not None:
        query = query.where(table.detector == detector)
    else:
        query = query.where(scored_alone(table.detector))
    row = connection.execute(query.order_by(table.judged_until.desc()).limit(1)).first()
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
    own = (judgement.stream, judgement.detector)
    write_baselines(connection, *own, judgement.baselines, now)
    write_states(connection, *own, judgement.states)
    forget_segments(connection, *own, judgement.forgotten)
    add_shadow_alarms(
        connection, judgement.stream, version_of(judgement.detector), judgement.shadow_alarms
    )
    return write_alerts(
        connection, judgement.alerts, now, span=judgement.incident_span, site_of=judgement.site_of
    )


def write_alerts(
    connection: Connection,
    alerts: Sequence[AlertRecord],
    now: datetime,
    *,
    span: timedelta = INCIDENT_SPAN,
    site_of: SiteOf = no_site,
) -> list[AlertRecord]:
    """Write new and changed alerts of one stream; return them as stored, in the given order.

    Their incidents follow, in the same transaction; changes that begin within *span* are one,
    unless they are of two sites.
    """
    stored: dict[int, AlertRecord] = {}
    for index, record in enumerate(alerts):
        if record.id is not None:
            stored[index] = _refresh(connection, record.id, record, now)
    for index, record in enumerate(alerts):
        if record.id is None:
            stored[index] = _open(connection, record)
    written = [stored[index] for index in range(len(alerts))]
    own = join_incidents(connection, written, span=span, now=now, site_of=site_of)
    news = {
        own[one.id]: f"{one.segment} {one.news}" for one in alerts if one.id in own and one.news
    }
    settle_incidents(connection, set(own.values()), now=now, by=MONITOR, news=news)
    return [replace(one, incident_id=own.get(one.id or 0)) for one in written]


def _move_cursor(connection: Connection, judgement: Judgement) -> None:
    table = monitor_state.c
    values = {"judged_until": judgement.monitor.cursor, "state": judgement.monitor.state}
    if judgement.previous_cursor is None:
        first = upsert(connection, monitor_state).on_conflict_do_nothing()
        own = {"stream": judgement.stream, "detector": judgement.detector}
        moved = wrote_one(connection, first, {**own, **values})
    else:
        expected = table.judged_until == judgement.previous_cursor
        mine = (table.stream == judgement.stream, table.detector == judgement.detector)
        step = monitor_state.update().where(*mine, expected)
        moved = connection.execute(step.values(values)).rowcount == 1
    if not moved:
        found = read_monitor_state(connection, judgement.stream, judgement.detector)
        raise RecordConflict(
            f"the monitor of stream {judgement.stream!r} is at "
            f"{found.cursor if found else None}, this turn started from "
            f"{judgement.previous_cursor}; nothing was written",
            hint="another agent judged these windows; read its state and continue from there",
        )


def _open(connection: Connection, record: AlertRecord) -> AlertRecord:
    values = {name: getattr(record, name) for name in ALERT_FIELDS}
    values["layers"] = [dict(layer) for layer in record.layers]
    values["faults"] = [dict(fault) for fault in record.faults]
    values["rate_peak"] = max(record.rate_peak, record.rate_now)
    key = connection.execute(insert(alert), values).inserted_primary_key
    alert_id = int(key[0]) if key else 0
    log_step(connection, alert_id, None, "open", at=record.opened_at, by=MONITOR, note="")
    if record.state in ENDED_STATES:
        at = record.resolved_at or record.opened_at
        log_step(connection, alert_id, "open", record.state, at=at, by=MONITOR, note="")
    return require_alert(connection, alert_id)


def _refresh(
    connection: Connection, alert_id: int, record: AlertRecord, now: datetime
) -> AlertRecord:
    found = require_alert(connection, alert_id)
    if found.state in ENDED_STATES:
        if record.reopened <= found.reopened or _ended_by(connection, alert_id) != MONITOR:
            return found  # a person's decision outranks the monitor
        found = _reopen(connection, found, now)
    _write_figures(connection, alert_id, found, record)
    if SEVERITIES.index(record.severity) > SEVERITIES.index(found.severity):
        note = f"{found.severity} became {record.severity}"
        log_step(connection, alert_id, found.state, found.state, at=now, by=MONITOR, note=note)
    if record.news:
        step = {"at": now, "by": MONITOR, "note": record.news}
        log_step(connection, alert_id, found.state, found.state, **step)  # type: ignore[arg-type]  # by name
    if AGES[record.state] > AGES[found.state]:
        at = record.resolved_at or now
        change_state(connection, found, record.state, at=at, by=MONITOR, note="")
    return require_alert(connection, alert_id)


def _write_figures(
    connection: Connection, alert_id: int, found: AlertRecord, record: AlertRecord
) -> None:
    """Write what a refresh brings; what the alert has seen at its worst is never lowered."""
    values = {name: getattr(record, name) for name in _REFRESHED}
    values["layers"] = [dict(layer) for layer in record.layers]
    values["faults"] = [dict(fault) for fault in record.faults]
    values["severity"] = max(found.severity, record.severity, key=SEVERITIES.index)
    values["rate_peak"] = max(found.rate_peak, record.rate_peak, record.rate_now)
    e_values = [e for e in (found.log_e_value, record.log_e_value) if e is not None]
    values["log_e_value"] = max(e_values, default=None)
    if record.judged_by is not None:
        values["judged_by"] = record.judged_by
    connection.execute(alert.update().where(alert.c.id == alert_id).values(values))


def _reopen(connection: Connection, found: AlertRecord, now: datetime) -> AlertRecord:
    """Open an alert again that ended within the cool-down: the same one goes on."""
    alert_id = found.id or 0
    values = {"state": "open", "resolved_at": None}
    connection.execute(alert.update().where(alert.c.id == alert_id).values(values))
    log_step(connection, alert_id, found.state, "open", at=now, by=MONITOR, note=REOPENED)
    return require_alert(connection, alert_id)


def _ended_by(connection: Connection, alert_id: int) -> str | None:
    """Return who took the last step of an alert."""
    table = alert_transition.c
    query = select(table.actor).where(table.alert_id == alert_id)
    return connection.scalar(query.order_by(table.id.desc()).limit(1))
