"""Mutes silence deliveries and never counting; on both databases."""

from __future__ import annotations

from datetime import timedelta

from driftgauge.storage import Judgement, MonitorState, Store, is_muted

from ..stores import START, STREAM, HandClock, alert

DAY = timedelta(days=1)


def raise_alerts(store: Store, *segments: str) -> None:
    turn = Judgement(
        STREAM, None, MonitorState(START, "{}"), [alert(segment=name) for name in segments]
    )
    store.judge(turn)


def kinds(store: Store) -> list[str]:
    return [step.kind for one in store.incidents(STREAM) for step in store.incident_steps(one.id)]


def test_a_mute_holds_for_its_time_by_the_database_s_clock(store: Store, clock: HandClock) -> None:
    made = store.mute(STREAM, "camera=3", lasts=DAY, by="ann", why="cleaning")
    assert store.mutes(STREAM) == [made]
    assert (made.created_at, made.expires_at) == (START, START + DAY)
    clock.advance(DAY.total_seconds())
    assert store.mutes(STREAM) == []


def test_a_mute_without_a_time_holds_until_a_person_ends_it(store: Store, clock: HandClock) -> None:
    made = store.mute(STREAM, None, lasts=None, by="ann", why="moving house")
    clock.advance(1e7)
    assert store.unmute(STREAM, ["camera=3"], by="bob") == []
    assert store.unmute(STREAM, None, by="bob") == [made]
    assert store.mutes(STREAM) == []


def test_muting_again_replaces_the_mute(store: Store) -> None:
    store.mute(STREAM, "camera=3", lasts=DAY, by="ann", why="cleaning")
    longer = store.mute(STREAM, "camera=3", lasts=2 * DAY, by="ann", why="still cleaning")
    assert store.mutes(STREAM) == [longer]


def test_muted_alerts_are_raised_and_are_no_part_of_an_incident_that_is_told(
    store: Store,
) -> None:
    store.mute(STREAM, "camera=3", lasts=DAY, by="ann", why="cleaning")
    raise_alerts(store, "camera=3", "camera=4")
    mutes = store.mutes(STREAM)
    found = {one.alert.segment: is_muted(one, mutes) for one in store.incidents(STREAM)}
    assert found == {"camera=3": True, "camera=4": False}


def test_a_mute_of_a_kind_holds_for_all_of_it(store: Store) -> None:
    store.mute(STREAM, "camera=*", lasts=DAY, by="ann", why="light")
    raise_alerts(store, "camera=3", "camera=4", "site=north")
    mutes = store.mutes(STREAM)
    assert sorted(is_muted(one, mutes) for one in store.incidents(STREAM)) == [False, True]


def test_an_alert_that_outlives_its_mute_is_told_once(store: Store, clock: HandClock) -> None:
    store.mute(STREAM, "camera=3", lasts=DAY, by="ann", why="cleaning")
    raise_alerts(store, "camera=3")
    store.queue_notifications(STREAM, ["webhook"])
    assert kinds(store) == ["opened"]
    clock.advance(DAY.total_seconds())
    for _ in range(2):
        store.queue_notifications(STREAM, ["webhook"])
    assert kinds(store) == ["opened", "unmuted"]


def test_one_mute_that_ends_tells_nothing_while_another_holds(store: Store) -> None:
    store.mute(STREAM, "camera=3", lasts=DAY, by="ann", why="cleaning")
    store.mute(STREAM, "camera=*", lasts=DAY, by="ann", why="light")
    raise_alerts(store, "camera=3")
    store.unmute(STREAM, ["camera=3"], by="bob")
    assert kinds(store) == ["opened"]
    store.unmute(STREAM, ["camera=*"], by="bob")
    assert kinds(store) == ["opened", "unmuted"]
