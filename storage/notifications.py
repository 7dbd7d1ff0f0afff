"""Deliveries of incidents to sinks: which are due, sent, or given up.

The steps of incidents are the outbox: each is written in the transaction that changes the alerts, so
none can be missing. A sink gets a row for each step after the one at which it was first set up; `queue_notifications` adds those rows, and a row is finished when it is sent, skipped or dead.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, exists, func, literal, select

from .delivery_records import NotificationAttempts, NotificationCount
from .incident_records import IncidentStep, Notification
from .tables import incident, incident_step, notification, notification_sink
from .upsert import upsert

PENDING = "pending"
FINISHED = ("sent", "skipped", "dead")
BACKLOG_STATES = (PENDING, "dead")
"""What somebody has not been told: it waits, or was given up."""
LATE_STEPS = 10_000
NOTIFICATION_STATES = (PENDING, *FINISHED)


def queue_notifications(
    connection: Connection, stream: str, sinks: Sequence[str], now: datetime
) -> None:
    """Note every step of the stream's incidents that a sink has no row for yet.

    A new sink starts here: steps from before it was configured are not sent to it.
    """
    for sink in sinks:
        _register(connection, stream, sink)
        columns = (
            *(literal(stream), literal(sink), incident_step.c.id),
            *(literal(PENDING), literal(now, notification.c.created_at.type), literal(0)),
        )
        names = ("stream", "sink", "step_id", "state", "created_at", "attempts")
        found = _unqueued(stream, sink, columns).order_by(incident_step.c.id)
        connection.execute(notification.insert().from_select(list(names), found))


def _unqueued(
    stream: str, sink: str, columns: Sequence[ColumnElement[Any]]
) -> Select[tuple[Any, ...]]:
    """Select the steps that *sink* has no row for.

    Not "beyond the newest row": transactions may commit in another order than their ids. Nor all of
    them, every two seconds for years: none commits when `LATE_STEPS` later ones were queued.
    """
    own = (notification.c.stream == stream) & (notification.c.sink == sink)
    newest = select(func.coalesce(func.max(notification.c.step_id), 0)).where(own)
    first = select(notification_sink.c.after_step).where(
        notification_sink.c.stream == stream, notification_sink.c.sink == sink
    )
    has_row = exists().where(own, notification.c.step_id == incident_step.c.id)
    return (
        select(*columns)
        .join(incident, incident.c.id == incident_step.c.incident_id)
        .where(
            incident.c.stream == stream,
            incident_step.c.id > first.scalar_subquery(),
            incident_step.c.id > newest.scalar_subquery() - LATE_STEPS,
            ~has_row,
        )
    )


def _register(connection: Connection, stream: str, sink: str) -> None:
    last = select(func.max(incident_step.c.id))
    row = {
        "stream": stream,
        "sink": sink,
        "after_step": connection.scalar(last) or 0,
    }
    first = upsert(connection, notification_sink).on_conflict_do_nothing()
    connection.execute(first, row)


def read_pending(
    connection: Connection, stream: str, sink: str, *, limit: int
) -> list[Notification]:
    """Return what waits for *sink*, oldest first."""
    row, step = notification.c, incident_step.c
    columns = [
        *(row.id, row.attempts, row.created_at),
        *(step.id, step.incident_id, step.kind, step.changed_at, step.actor, step.note),
    ]
    query = (
        select(*columns)
        .join(incident_step, incident_step.c.id == notification.c.step_id)
        .where(
            notification.c.stream == stream,
            notification.c.sink == sink,
            notification.c.state == PENDING,
        )
        .order_by(notification.c.step_id)
        .limit(limit)
    )
    return [
        Notification(number, sink, attempts, created_at, step_id, IncidentStep(*found))
        for number, attempts, created_at, step_id, *found in connection.execute(query)
    ]


def finish_notifications(
    connection: Connection, ids: Collection[int], state: str, *, now: datetime, error: str
) -> None:
    """Note that these are ``sent``, ``skipped`` or ``dead``; another attempt follows no more."""
    if state not in FINISHED:
        raise ValueError(f"{state!r} does not finish a notification; wanted one of {FINISHED}")
    values = {"state": state, "finished_at": now, "last_error": error}
    connection.execute(notification.update().where(notification.c.id.in_(ids)).values(values))


def note_attempts(
    connection: Connection, ids: Collection[int], error: str, now: datetime
) -> list[NotificationAttempts]:
    """Note an attempt at these that failed; return how often and how long each was tried."""
    rows = notification.c.id.in_(ids)
    values = {"attempts": notification.c.attempts + 1, "last_error": error}
    connection.execute(notification.update().where(rows).values(values))
    table = notification.c
    query = select(table.id, table.attempts, table.created_at).where(rows).order_by(table.id)
    return [
        NotificationAttempts(number, attempts, now - created_at if created_at else timedelta())
        for number, attempts, created_at in connection.execute(query)
    ]


def read_told(connection: Connection, stream: str, sink: str, alerts: Collection[int]) -> set[int]:
    """Return which of *alerts*, each its incident's first, the sink was sent anything about."""
    query = (
        select(incident.c.first_alert_id)
        .distinct()
        .join(incident_step, incident_step.c.incident_id == incident.c.id)
        .join(notification, incident_step.c.id == notification.c.step_id)
        .where(
            notification.c.stream == stream,
            notification.c.sink == sink,
            notification.c.state == "sent",
            incident.c.first_alert_id.in_(alerts),
        )
    )
    return set(connection.scalars(query))


def count_notifications(
    connection: Connection, stream: str, states: Collection[str]
) -> list[NotificationCount]:
    """Return how many there are by sink and state, with the newest error of each."""
    table = notification.c
    query = (
        select(table.sink, table.state, func.count(), func.max(table.id))
        .where(table.stream == stream, table.state.in_(states))
        .group_by(table.sink, table.state)
        .order_by(table.sink, table.state)
    )
    found = connection.execute(query).all()
    newest = select(table.id, table.last_error).where(table.id.in_([row[3] for row in found]))
    errors = {row[0]: row[1] for row in connection.execute(newest)}
    return [
        NotificationCount(sink, state, count, errors.get(number) or "")
        for sink, state, count, number in found
    ]


def read_digest_at(connection: Connection, stream: str, sink: str) -> datetime | None:
    """Return when *sink* was last sent a digest."""
    row = (notification_sink.c.stream == stream) & (notification_sink.c.sink == sink)
    return connection.scalar(select(notification_sink.c.digest_at).where(row))


def note_digest(connection: Connection, stream: str, sink: str, at: datetime) -> None:
    """Note when *sink*, which is registered, was sent a digest."""
    row = (notification_sink.c.stream == stream) & (notification_sink.c.sink == sink)
    connection.execute(notification_sink.update().where(row).values(digest_at=at))
