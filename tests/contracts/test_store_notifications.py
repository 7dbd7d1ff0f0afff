"""Which step of which alert each sink has been told, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from driftgauge.storage import Judgement, MonitorState, Store

from ..stores import START, STREAM, HandClock, alert

SINKS = ["webhook", "kafka"]


def raise_alert(store: Store, segment: str = "camera=3", *, turn: int = 0) -> int:
    """Raise an alert that is an incident of its own, an hour later for each turn."""
    cursor = START + timedelta(minutes=turn)
    previous = None if turn == 0 else cursor - timedelta(minutes=1)
    at = START + timedelta(hours=turn)
    told = alert(segment=segment, since=at, window_start=at)
    (stored,) = store.judge(Judgement(STREAM, previous, MonitorState(cursor, "{}"), [told]))
    return stored.id or 0


def kinds(store: Store, sink: str) -> list[tuple[int | None, str]]:
    """Return the steps that wait for *sink*, each with its incident's first alert."""
    first = {one.id: one.alert.id for one in store.incidents(STREAM)}
    return [
        (first[one.step.incident_id], one.step.kind)
        for one in store.pending_notifications(STREAM, sink)
    ]


def test_every_step_of_an_alert_waits_for_every_sink_in_order(store: Store) -> None:
    store.queue_notifications(STREAM, SINKS)
    number = raise_alert(store)
    store.transition_alert(number, "acknowledged", at=START, by="ann")
    store.transition_alert(number, "resolved", at=START, by="ann")
    store.queue_notifications(STREAM, SINKS)
    steps = [
        (number, "opened"),
        (number, "acknowledged"),
        (number, "resolved"),
    ]
    assert kinds(store, "webhook") == kinds(store, "kafka") == steps


def test_a_step_waits_once_however_often_it_is_queued(store: Store) -> None:
    store.queue_notifications(STREAM, SINKS)
    raise_alert(store)
    for _ in range(3):
        store.queue_notifications(STREAM, SINKS)
    assert len(store.pending_notifications(STREAM, "webhook")) == 1


def test_a_sink_that_is_set_up_later_is_not_told_old_alerts(store: Store) -> None:
    raise_alert(store)
    store.queue_notifications(STREAM, ["webhook"])
    assert kinds(store, "webhook") == []
    later = raise_alert(store, "camera=4", turn=1)
    store.queue_notifications(STREAM, ["webhook"])
    assert kinds(store, "webhook") == [(later, "opened")]


@pytest.mark.parametrize("state", ["sent", "skipped", "dead"])
def test_what_is_finished_waits_no_more(store: Store, state: str) -> None:
    store.queue_notifications(STREAM, SINKS)
    number = raise_alert(store)
    store.queue_notifications(STREAM, SINKS)
    (waiting,) = store.pending_notifications(STREAM, "kafka")
    store.finish_notifications([waiting.id], state, error="why")
    store.queue_notifications(STREAM, SINKS)
    assert kinds(store, "kafka") == []
    assert kinds(store, "webhook") == [(number, "opened")]
    assert store.told_alerts(STREAM, "kafka", [number, 99]) == (
        {number} if state == "sent" else set()
    )
    counts = {(one.sink, one.state): one for one in store.notification_counts(STREAM)}
    assert counts["kafka", state].count == 1
    assert counts["kafka", state].last_error == "why"
    assert counts["webhook", "pending"].count == 1


def test_failed_attempts_and_their_time_are_counted_in_the_database(
    store: Store, clock: HandClock
) -> None:
    store.queue_notifications(STREAM, SINKS)
    raise_alert(store)
    store.queue_notifications(STREAM, SINKS)
    (waiting,) = store.pending_notifications(STREAM, "kafka")
    assert waiting.created_at == START
    clock.advance(90)
    tried = [store.note_attempts([waiting.id], "refused")[0] for _ in range(3)]
    assert [one.attempts for one in tried] == [1, 2, 3]
    assert tried[-1].age == timedelta(seconds=90)
    (again,) = store.pending_notifications(STREAM, "kafka")
    assert again.attempts == 3


def test_an_alert_that_worsens_takes_a_step(store: Store) -> None:
    number = raise_alert(store)
    store.queue_notifications(STREAM, ["webhook"])
    worse = alert(id=number, severity="critical")
    cursor = START + timedelta(minutes=1)
    store.judge(Judgement(STREAM, START, MonitorState(cursor, "{}"), [worse]))
    store.queue_notifications(STREAM, ["webhook"])
    (step,) = store.pending_notifications(STREAM, "webhook")
    assert (step.step.kind, step.step.note) == ("worsened", "warning became critical")
