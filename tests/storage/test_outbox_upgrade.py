"""What receivers were not told before an upgrade they are told after it, and nothing twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from alembic.command import upgrade
from alembic.config import Config

from driftgauge.storage import Database, Store
from driftgauge.storage.schema import MIGRATIONS

from ..stores import START, STREAM

WITH_OUTBOX = [f"{n:04d}" for n in range(6, 13)]
"""Revisions whose deliveries refer to the steps of alerts; later ones refer to those of incidents."""
AT = "2026-03-01 12:00:00"
WRITTEN = f"""
INSERT INTO stream (stream, topic, window_seconds, created_at) VALUES ('{STREAM}', 'images', 60, '{AT}');
INSERT INTO alert (stream, segment, test, detector, state, severity, opened_at, since, window_start,
    refreshed_at, rate_now, rate_normal, events, layers, message)
VALUES ('{STREAM}', 'camera=3', 'betting', 'd', 'acknowledged', 'warning', '{AT}', '{AT}', '{AT}',
    '{AT}', 0.3, 0.01, 120, '[]', 'camera 3 changed');
INSERT INTO alert_transition (alert_id, from_state, to_state, changed_at, actor, note)
VALUES (1, NULL, 'open', '{AT}', 'monitor', ''), (1, 'open', 'acknowledged', '{AT}', 'ann', 'looking');
INSERT INTO notification_sink (stream, sink, after_transition)
VALUES ('{STREAM}', 'webhook', 0), ('{STREAM}', 'slack', 1);
INSERT INTO notification (stream, sink, transition_id, state, created_at, attempts, last_error)
VALUES ('{STREAM}', 'webhook', 1, 'sent', '{AT}', 0, ''),
    ('{STREAM}', 'webhook', 2, 'pending', '{AT}', 3, 'HTTP 503')
"""
"""An alert that was raised and acknowledged: the webhook was told the first, and refused the second
three times; for Slack, which was set up between the two, nothing is queued yet."""


@pytest.fixture
def fresh(empty_url: str) -> Iterator[Database]:
    database = Database(empty_url)
    yield database
    database.close()


def fill_at(database: Database, revision: str) -> None:
    zone = "" if database.is_sqlite else "+00:00"
    with database.write() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS))
        upgrade(config, revision)
        for statement in WRITTEN.replace(AT, AT + zone).split(";"):
            connection.exec_driver_sql(statement)


def waiting(store: Store, sink: str) -> list[tuple[str, str, int]]:
    return [
        (row.step.kind, row.step.by, row.attempts)
        for row in store.pending_notifications(STREAM, sink)
    ]


@pytest.mark.parametrize("revision", WITH_OUTBOX)
def test_a_delivery_that_waits_is_made_after_the_upgrade(fresh: Database, revision: str) -> None:
    fill_at(fresh, revision)
    assert fresh.upgrade()
    store = Store(fresh, now=lambda: START + timedelta(minutes=5))
    store.queue_notifications(STREAM, ["webhook", "slack"])
    assert waiting(store, "webhook") == [("acknowledged", "ann", 3)]
    assert waiting(store, "slack") == [("acknowledged", "ann", 0)]
    store.transition_alert(1, "resolved", at=START + timedelta(minutes=4), by="ann")
    store.queue_notifications(STREAM, ["webhook", "slack"])
    assert [kind for kind, *_ in waiting(store, "webhook")] == ["acknowledged", "resolved"]
    (first, last) = store.pending_notifications(STREAM, "slack")
    assert first.step.incident_id == last.step.incident_id
    store.finish_notifications([first.id, last.id], "sent")
    assert waiting(store, "slack") == []
    (found,) = store.incidents(STREAM)
    assert (found.state, found.members, found.live) == ("resolved", 1, 0)
