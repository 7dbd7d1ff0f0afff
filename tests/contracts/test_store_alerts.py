"""The monitor's turn and the life of alerts, on both databases."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from driftgauge.storage import (
    AlertRecord,
    Judgement,
    MonitorState,
    RecordConflict,
    Store,
    VerdictCount,
)

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
    assert stored == alert(id=stored.id, incident_id=stored.incident_id)
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
    changed = replace(first, rate_now=0.9, rate_peak=0.9, events=999, refreshed_at=NEXT)
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


def test_what_an_alert_was_at_its_worst_is_never_lowered(store: Store) -> None:
    (first,) = store.judge(
        turn(None, START, alert(severity="critical", rate_peak=0.7, log_e_value=30.0))
    )
    weaker = replace(first, severity="info", rate_now=0.02, rate_peak=0.02, log_e_value=12.0)
    (kept,) = store.judge(turn(START, NEXT, weaker))
    assert (kept.severity, kept.rate_peak, kept.log_e_value) == ("critical", 0.7, 30.0)
    assert kept.rate_now == 0.02
    assert len(steps(store, first.id)) == 1


def test_an_alert_of_a_segment_that_fell_silent_ends_as_gone_and_holds_nothing_back(
    store: Store,
) -> None:
    first = opened(store)
    gone, new = store.judge(
        turn(START, NEXT, replace(first, state="gone", resolved_at=NEXT), alert())
    )
    assert (gone.state, gone.resolved_at) == ("gone", NEXT)
    assert new.state == "open"
    assert steps(store, gone.id)[1:] == [("open", "gone", "monitor")]
    with pytest.raises(RecordConflict, match="is gone and cannot become acknowledged again"):
        store.transition_alert(gone.id or 0, "acknowledged", at=NEXT, by="ada")


def test_an_alert_that_the_monitor_ended_is_opened_again_and_stays_the_same_one(
    store: Store,
) -> None:
    first = opened(store)
    store.judge(turn(START, NEXT, replace(first, state="resolved", resolved_at=NEXT)))
    (ended,) = store.continuable_alerts(STREAM, first.detector, refreshed_since=first.refreshed_at)
    again = replace(ended, state="open", resolved_at=None, reopened=1)
    (alive,) = store.judge(turn(NEXT, NEXT + timedelta(minutes=1), again))
    assert alive == replace(first, reopened=1)
    assert steps(store, first.id)[1:] == [
        ("open", "resolved", "monitor"),
        ("resolved", "open", "monitor"),
    ]
    assert store.continuable_alerts(STREAM, first.detector, refreshed_since=START) == []


def test_an_alert_that_a_person_ended_is_not_opened_again(store: Store) -> None:
    first = opened(store)
    ended = store.give_verdict(first.id or 0, "real", at=NEXT, by="ada")
    found = store.continuable_alerts(STREAM, first.detector, refreshed_since=first.refreshed_at)
    assert found == []
    (kept,) = store.judge(turn(START, NEXT, replace(first, reopened=1)))
    assert kept == ended


def test_an_alert_opened_and_ended_in_one_turn_has_both_steps(store: Store) -> None:
    (stored,) = store.judge(turn(None, START, alert(state="resolved", resolved_at=NEXT)))
    assert steps(store, stored.id) == [
        (None, "open", "monitor"),
        ("open", "resolved", "monitor"),
    ]


def test_the_last_verdict_of_a_person_stands_and_each_is_kept_as_a_step(store: Store) -> None:
    alert_id = opened(store).id or 0
    resolved = store.give_verdict(alert_id, "false", at=NEXT, by="ada", note="a shadow")
    assert (resolved.state, resolved.verdict) == ("resolved", "false")
    assert store.give_verdict(alert_id, "real", at=NEXT, by="bob").verdict == "real"
    last = store.transitions(alert_id)[1:]
    assert [(step.by, step.note) for step in last] == [("ada", "false: a shadow"), ("bob", "real")]
    with pytest.raises(ValueError, match="'perhaps' is no verdict"):
        store.give_verdict(alert_id, "perhaps", at=NEXT, by="ada")


def test_verdicts_are_counted_by_test(store: Store) -> None:
    names = ["camera=1", "camera=2", "camera=3"]
    found = store.judge(turn(None, START, *(alert(segment=name) for name in names)))
    store.give_verdict(found[0].id or 0, "real", at=NEXT, by="ada")
    store.give_verdict(found[1].id or 0, "accepted", at=NEXT, by="ada")
    assert store.verdict_counts(STREAM) == [
        VerdictCount("betting", alerts=3, real=1, accepted=1, false=0, unjudged=1)
    ]


def test_a_note_is_kept_and_changes_nothing(store: Store) -> None:
    first = opened(store)
    assert store.note_on_alert(first.id or 0, at=NEXT, by="ada", note="asked the site") == first
    assert store.transitions(first.id or 0)[1].note == "asked the site"


def test_alerts_are_found_and_counted_by_when_they_were_opened(store: Store) -> None:
    first = opened(store)
    (second,) = store.judge(turn(START, NEXT, alert(segment="camera=4", opened_at=NEXT)))
    assert store.alerts(STREAM, since=NEXT) == [second]
    assert store.alerts(STREAM, until=NEXT) == [first]
    assert store.count_alerts(STREAM) == 2
    assert store.count_alerts(STREAM, since=NEXT, states=["open"]) == 1
    assert store.count_alerts(STREAM, segment="camera=9") == 0
