"""Deliveries of alerts to sinks: which are due, sent, or given up.

An alert's transitions are the outbox: each is written in the transaction that changes the alert, so
none can be missing. A sink gets a row for each transition after the one at which it was first set
up; `queue_notifications` adds those rows, and a row is finished when it is sent, skipped or dead.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, exists, func, literal, or_, select

from .alerts import MONITOR
from .records import AlertTransition, Notification, NotificationAttempts, NotificationCount
from .tables import alert, alert_transition, notification, notification_sink
from .upsert import upsert

PENDING = "pending"
FINISHED = ("sent", "skipped", "dead")
BACKLOG_STATES = (PENDING, "dead")
"""What somebody has not been told: it waits, or was given up."""
NOTIFICATION_STATES = (PENDING, *FINISHED)


def queue_notifications(
    connection: Connection, stream: str, sinks: Sequence[str], now: datetime
) -> None:
    """Note every transition of the stream's alerts that a sink has no row for yet.

    A new sink starts here: steps from before it was configured are not sent to it.
    """
    for sink in sinks:
        _register(connection, stream, sink)
        first = select(notification_sink.c.after_transition).where(
            notification_sink.c.stream == stream, notification_sink.c.sink == sink
        )
        has_row = exists().where(
            notification.c.stream == stream,
            notification.c.sink == sink,
            notification.c.transition_id == alert_transition.c.id,
        )
        columns = (
            *(literal(stream), literal(sink), alert_transition.c.id),
            *(literal(PENDING), literal(now, notification.c.created_at.type), literal(0)),
        )
        # Not "beyond the newest row": transactions may commit in another order than their ids.
        found = (
            select(*columns)
            .join(alert, alert.c.id == alert_transition.c.alert_id)
            .where(
                alert.c.stream == stream,
                alert_transition.c.id > first.scalar_subquery(),
                or_(  # a person's note changes no state, and is read where it is written
                    alert_transition.c.from_state.is_(None),
                    alert_transition.c.from_state != alert_transition.c.to_state,
                    alert_transition.c.actor == MONITOR,
                ),
                ~has_row,
            )
            .order_by(alert_transition.c.id)
        )
        names = ("stream", "sink", "transition_id", "state", "created_at", "attempts")
        connection.execute(notification.insert().from_select(list(names), found))


def _register(connection: Connection, stream: str, sink: str) -> None:
    last = select(func.max(alert_transition.c.id))
    row = {
        "stream": stream,
        "sink": sink,
        "after_transition": connection.scalar(last) or 0,
    }
    first = upsert(connection, notification_sink).on_conflict_do_nothing()
    connection.execute(first, row)


def read_pending(
    connection: Connection, stream: str, sink: str, *, limit: int
) -> list[Notification]:
    """Return what waits for *sink*, oldest first."""
    row, step = notification.c, alert_transition.c
    columns = [
        *(row.id, row.attempts, row.created_at),
        *(step.id, step.alert_id, step.from_state, step.to_state),
        *(step.changed_at, step.actor, step.note),
    ]
    query = (
        select(*columns)
        .join(alert_transition, alert_transition.c.id == notification.c.transition_id)
        .where(
            notification.c.stream == stream,
            notification.c.sink == sink,
            notification.c.state == PENDING,
        )
        .order_by(notification.c.transition_id)
        .limit(limit)
    )
    return [
        Notification(number, sink, attempts, created_at, transition, AlertTransition(*found))
        for number, attempts, created_at, transition, *found in connection.execute(query)
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
    """Return which of *alerts* the sink was sent anything about."""
    query = (
        select(alert_transition.c.alert_id)
        .distinct()
        .join(notification, alert_transition.c.id == notification.c.transition_id)
        .where(
            notification.c.stream == stream,
            notification.c.sink == sink,
            notification.c.state == "sent",
            alert_transition.c.alert_id.in_(alerts),
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
