"""Alerts, and the steps of their life."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, insert, select

from .alert_columns import ALERT_COLUMNS
from .alert_records import ENDED_STATES, AlertRecord, AlertTransition
from .errors import RecordConflict
from .incidents import incidents_of, settle_incidents
from .tables import alert, alert_transition

MONITOR = "monitor"

AGES = {"open": 0, "acknowledged": 1, "resolved": 2, "gone": 2}
"""How far along its life an alert is in each state."""


def read_alerts(
    connection: Connection,
    *,
    stream: str | None,
    states: Collection[str] | None,
    segment: str | None,
    ids: Collection[int] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int | None,
) -> list[AlertRecord]:
    """Return the alerts that fit, newest first; *since* and *until* are of `opened_at`."""
    wanted = _fitting(stream=stream, states=states, segment=segment, since=since, until=until)
    if ids is not None:
        wanted.append(alert.c.id.in_(ids))
    newest = (alert.c.opened_at.desc(), alert.c.id.desc())
    query = select(*ALERT_COLUMNS).where(*wanted).order_by(*newest).limit(limit)
    return [AlertRecord(*row) for row in connection.execute(query)]


def count_alerts(
    connection: Connection,
    *,
    stream: str | None,
    states: Collection[str] | None,
    segment: str | None,
    since: datetime | None,
    until: datetime | None,
) -> int:
    """Return how many alerts `read_alerts` finds without a limit."""
    wanted = _fitting(stream=stream, states=states, segment=segment, since=since, until=until)
    return int(connection.scalar(select(func.count()).select_from(alert).where(*wanted)) or 0)


def _fitting(
    *,
    stream: str | None,
    states: Collection[str] | None,
    segment: str | None,
    since: datetime | None,
    until: datetime | None,
) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if stream is not None:
        wanted.append(alert.c.stream == stream)
    if states is not None:
        wanted.append(alert.c.state.in_(states))
    if segment is not None:
        wanted.append(alert.c.segment == segment)
    if since is not None:
        wanted.append(alert.c.opened_at >= since)
    if until is not None:
        wanted.append(alert.c.opened_at < until)
    return wanted


def read_continuable(
    connection: Connection, stream: str, detector: str, *, refreshed_since: datetime
) -> list[AlertRecord]:
    """Return alerts that the monitor ended, and that it may open again; the oldest first.

    One that a person ended stays ended.
    """
    last = (
        select(func.max(alert_transition.c.id))
        .where(alert_transition.c.alert_id == alert.c.id)
        .correlate(alert)
        .scalar_subquery()
    )
    query = (
        select(*ALERT_COLUMNS)
        .join(alert_transition, alert_transition.c.id == last)
        .where(
            alert.c.stream == stream,
            func.coalesce(alert.c.judged_by, alert.c.detector) == detector,
            *(alert.c.state.in_(ENDED_STATES), alert.c.refreshed_at >= refreshed_since),
            alert_transition.c.actor == MONITOR,
        )
        .order_by(alert.c.id)
    )
    return [AlertRecord(*row) for row in connection.execute(query)]


def read_alert(connection: Connection, alert_id: int, *, lock: bool = False) -> AlertRecord | None:
    """Return one alert; *lock* keeps others from changing it until the transaction ends."""
    query = select(*ALERT_COLUMNS).where(alert.c.id == alert_id)
    row = connection.execute(query.with_for_update() if lock else query).first()
    return None if row is None else AlertRecord(*row)


def transition_alert(
    connection: Connection, alert_id: int, state: str, *, at: datetime, by: str, note: str
) -> AlertRecord:
    """Move an alert forward in its life; asking for the state it has changes nothing."""
    found = require_alert(connection, alert_id)
    if state not in AGES:
        raise ValueError(f"{state!r} is not a state of an alert; wanted one of {', '.join(AGES)}")
    if AGES[state] < AGES[found.state]:
        raise RecordConflict(f"alert {alert_id} is {found.state} and cannot become {state} again")
    if AGES[state] > AGES[found.state]:
        change_state(connection, found, state, at=at, by=by, note=note)
    return require_alert(connection, alert_id)


def transition_alerts(
    connection: Connection, numbers: Sequence[int], state: str, *, at: datetime, by: str, note: str
) -> list[AlertRecord]:
    """Move alerts forward in their lives, all or none, and their incidents with them."""
    moved = [
        transition_alert(connection, number, state, at=at, by=by, note=note)
        for number in sorted(numbers)
    ]
    own = incidents_of(connection, numbers)
    settle_incidents(connection, own, now=at, by=by, note=note)
    return moved


def note_on_alert(
    connection: Connection, alert_id: int, *, at: datetime, by: str, note: str
) -> AlertRecord:
    """Keep what a person wrote about an alert, as a step that changes nothing else."""
    found = require_alert(connection, alert_id)
    log_step(connection, alert_id, found.state, found.state, at=at, by=by, note=note)
    return found


def read_transitions(connection: Connection, alert_id: int) -> list[AlertTransition]:
    """Return the steps in an alert's life in order."""
    table = alert_transition.c
    query = select(
        *(table.alert_id, table.from_state, table.to_state),
        *(table.changed_at, table.actor, table.note),
    )
    rows = connection.execute(query.where(table.alert_id == alert_id).order_by(table.id))
    return [AlertTransition(*row) for row in rows]


def change_state(
    connection: Connection, found: AlertRecord, state: str, *, at: datetime, by: str, note: str
) -> None:
    """Write an alert's new state, and the step."""
    alert_id = found.id or 0
    values: dict[str, object] = {"state": state}
    if state in ENDED_STATES:
        values["resolved_at"] = at
    connection.execute(alert.update().where(alert.c.id == alert_id).values(values))
    log_step(connection, alert_id, found.state, state, at=at, by=by, note=note)


def log_step(
    connection: Connection,
    alert_id: int,
    from_state: str | None,
    to_state: str,
    *,
    at: datetime,
    by: str,
    note: str,
) -> None:
    """Write one step in an alert's life."""
    row = {
        "alert_id": alert_id,
        "from_state": from_state,
        "to_state": to_state,
        "changed_at": at,
        "actor": by,
        "note": note,
    }
    connection.execute(insert(alert_transition), row)


def require_alert(connection: Connection, alert_id: int) -> AlertRecord:
    """Return one alert, which nobody else can change until the transaction ends.

    Raises:
        RecordConflict: there is none with this number.
    """
    found = read_alert(connection, alert_id, lock=True)
    if found is None:
        raise RecordConflict(
            f"alert {alert_id} does not exist", hint="driftgauge alerts list --all"
        )
    return found
