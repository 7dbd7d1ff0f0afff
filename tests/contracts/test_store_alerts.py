"""The monitor's turn and the life of alerts, on both databases."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from driftgauge.storage import AlertRecord, Judgement, MonitorState, RecordConflict, Store

from ..stores import START, STREAM, HandClock, alert

NEXT = START + timedelta(minutes=1)


def turn(previous: datetime | None, cursor: datetime, *alerts: AlertRecord) -> Judgement:
    return Judgement(STREAM, previous, MonitorState(cursor, '{"turn": 1}'), alerts)


def steps(store: Store, alert_id: int | None) -> list[tuple[str | None, str, str]]:
    assert alert_id is not None
    return [(step.from_state, step.to_state, step.by) for step in store.transitions(alert_id)]


def opened(store: Store) -> AlertRecord:
    (stored,) = store.judge(turn(None, START, alert()))
    assert stored.id is not None
    return stored


def test_the_monitor_remembers_its_cursor_and_state(store: Store) -> None:
    assert store.monitor_state(STREAM) is None
    store.judge(turn(None, START))
    store.judge(turn(START, NEXT))
    assert store.monitor_state(STREAM) == MonitorState(NEXT, '{"turn": 1}')


def test_an_alert_is_stored_with_an_id_and_read_back_equal(store: Store) -> None:
    stored = opened(store)
    assert stored == alert(id=stored.id)
    assert store.alert(stored.id or 0) == stored
    assert store.alerts() == [stored]
    assert steps(store, stored.id) == [(None, "open", "monitor")]
    assert store.alert(987) is None


@pytest.mark.parametrize("previous", [None, NEXT])
def test_a_turn_from_a_wrong_cursor_writes_nothing(store: Store, previous: datetime | None) -> None:
    store.judge(turn(None, START))
    with pytest.raises(RecordConflict, match=r"is at 2026-03-01 12:00.*nothing was written"):
        store.judge(turn(previous, NEXT + timedelta(hours=1), alert()))
    assert store.alerts() == []
    assert store.monitor_state(STREAM) == MonitorState(START, '{"turn": 1}')


def test_of_two_turns_from_one_cursor_exactly_one_is_kept(store: Store) -> None:
    store.judge(turn(None, START))
    gate = threading.Barrier(3)
    kept: list[AlertRecord] = []

    def judge() -> None:
        gate.wait()
        try:
            kept.extend(store.judge(turn(START, NEXT, alert())))
        except RecordConflict:
            return

    threads = [threading.Thread(target=judge) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.alerts() == kept
    assert len(kept) == 1


def test_a_segment_and_test_have_one_live_alert(store: Store) -> None:
    opened(store)
    with pytest.raises(RecordConflict, match="refused a record"):
        store.judge(turn(START, NEXT, alert()))
    others = (alert(segment="camera=4"), alert(test="silence"))
    assert len(store.judge(turn(START, NEXT, *others))) == 2


def test_one_turn_may_resolve_an_alert_and_open_the_next(store: Store) -> None:
    first = opened(store)
    done = replace(first, state="resolved", resolved_at=NEXT)
    new, old = store.judge(turn(START, NEXT, alert(), done))
    assert (new.state, old.state) == ("open", "resolved")
    assert new.id != old.id
    assert steps(store, old.id)[1:] == [("open", "resolved", "monitor")]


def test_a_refresh_changes_figures_and_logs_no_step(store: Store) -> None:
    first = opened(store)
    changed = replace(first, rate_now=0.9, events=999, refreshed_at=NEXT)
    assert store.judge(turn(START, NEXT, changed)) == [changed]
    assert len(steps(store, first.id)) == 1


def test_a_person_s_word_stands_against_the_monitor_s_next_turn(store: Store) -> None:
    first = opened(store)
    alert_id = first.id or 0
    acknowledged = store.transition_alert(alert_id, "acknowledged", at=NEXT, by="ada", note="seen")
    assert acknowledged == replace(first, state="acknowledged")
    (kept,) = store.judge(turn(START, NEXT, replace(first, events=200)))
    assert (kept.state, kept.events) == ("acknowledged", 200)
    resolved = store.transition_alert(alert_id, "resolved", at=NEXT, by="ada")
    assert (resolved.state, resolved.resolved_at) == ("resolved", NEXT)
    (kept,) = store.judge(turn(NEXT, NEXT + timedelta(minutes=1), replace(first, events=300)))
    assert kept == resolved
    assert steps(store, alert_id)[1:] == [
        ("open", "acknowledged", "ada"),
        ("acknowledged", "resolved", "ada"),
    ]
    assert store.transitions(alert_id)[1].note == "seen"


def test_asking_for_the_state_an_alert_has_changes_nothing(store: Store) -> None:
    alert_id = opened(store).id or 0
    for _ in range(2):
        store.transition_alert(alert_id, "acknowledged", at=NEXT, by="ada")
    assert len(steps(store, alert_id)) == 2


def test_an_alert_s_life_never_goes_back(store: Store) -> None:
    alert_id = opened(store).id or 0
    store.transition_alert(alert_id, "resolved", at=NEXT, by="ada")
    with pytest.raises(RecordConflict, match="is resolved and cannot become acknowledged again"):
        store.transition_alert(alert_id, "acknowledged", at=NEXT, by="ada")


def test_unknown_alerts_and_states_are_refused_by_name(store: Store) -> None:
    with pytest.raises(RecordConflict, match="alert 12 does not exist") as caught:
        store.transition_alert(12, "resolved", at=NEXT, by="ada")
    assert caught.value.hint == "driftgauge alerts list --all"
    with pytest.raises(ValueError, match="'closed' is not a state"):
        store.transition_alert(opened(store).id or 0, "closed", at=NEXT, by="ada")


def test_the_monitor_s_resolution_without_a_time_is_dated_now(
    store: Store, clock: HandClock
) -> None:
    first = opened(store)
    clock.advance(5)
    (kept,) = store.judge(turn(START, NEXT, replace(first, state="resolved")))
    assert kept.resolved_at == clock.at


def test_alerts_are_found_by_stream_state_and_segment_newest_first(store: Store) -> None:
    store.ensure_stream("line-4", "images", 60)
    first = opened(store)
    second = alert(segment="camera=4", opened_at=NEXT)
    (newer,) = store.judge(turn(START, NEXT, second))
    other = Judgement("line-4", None, MonitorState(START, ""), [alert(stream="line-4")])
    store.judge(other)
    assert store.alerts(STREAM) == [newer, first]
    assert store.alerts(STREAM, limit=1) == [newer]
    assert store.alerts(STREAM, segment="camera=3") == [first]
    assert len(store.alerts(states=["open"])) == 3
    assert store.alerts(states=["resolved"]) == store.alerts(states=[]) == []
