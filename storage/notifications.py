"""Deliveries of alerts to sinks: which are due, sent, or given up.

An alert's transitions are the outbox: each is written in the transaction that changes the alert, so
none can be missing. A sink gets a row for each transition after the one at which it was first set
up; `queue_notifications` adds those rows, and a row is finished when it is sent, skipped or dead.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, exists, func, literal, select

from .records import AlertTransition, Notification, NotificationCount
from .tables import alert, alert_transition, notification, notification_sink
from .upsert import upsert

PENDING = "pending"
FINISHED = ("sent", "skipped", "dead")


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
    query = (
        select(
            *(notification.c.id, notification.c.attempts, alert_transition.c.id),
            *(alert_transition.c.alert_id, alert_transition.c.from_state),
            *(alert_transition.c.to_state, alert_transition.c.changed_at),
            *(alert_transition.c.actor, alert_transition.c.note),
        )
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
        Notification(row[0], sink, row[1], row[2], AlertTransition(*row[3:]))
        for row in connection.execute(query)
    ]


def finish_notification(
    connection: Connection, notification_id: int, state: str, *, now: datetime, error: str
) -> None:
    """Note that one is ``sent``, ``skipped`` or ``dead``; another attempt follows no more."""
    if state not in FINISHED:
        raise ValueError(f"{state!r} does not finish a notification; wanted one of {FINISHED}")
    values = {"state": state, "finished_at": now, "last_error": error}
    row = notification.c.id == notification_id
    connection.execute(notification.update().where(row).values(values))


def note_attempt(connection: Connection, notification_id: int, error: str) -> int:
    """Note an attempt that failed; return how many there were."""
    row = notification.c.id == notification_id
    values = {"attempts": notification.c.attempts + 1, "last_error": error}
    connection.execute(notification.update().where(row).values(values))
    return int(connection.scalar(select(notification.c.attempts).where(row)) or 0)


def has_told(connection: Connection, stream: str, sink: str, alert_id: int) -> bool:
    """Return whether *sink* was sent anything about the alert."""
    query = (
        select(notification.c.id)
        .join(alert_transition, alert_transition.c.id == notification.c.transition_id)
        .where(
            notification.c.stream == stream,
            notification.c.sink == sink,
            notification.c.state == "sent",
            alert_transition.c.alert_id == alert_id,
        )
        .limit(1)
    )
    return connection.execute(query).first() is not None


def count_notifications(connection: Connection, stream: str) -> list[NotificationCount]:
    """Return how many there are by sink and state, with the newest error of each."""
    table = notification.c
    query = (
        select(table.sink, table.state, func.count(), func.max(table.id))
        .where(table.stream == stream)
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
