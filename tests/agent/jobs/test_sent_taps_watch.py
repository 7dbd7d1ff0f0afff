"""Taps of another model are told as one alert, by whichever agent, until none come any more."""

from __future__ import annotations

import pytest

from driftgauge.agent.clock import ManualClock
from driftgauge.agent.jobs.presence import Presence
from driftgauge.agent.jobs.sent_taps_watch import SentTapsWatch
from driftgauge.agent.loop.other_model import QUIET_SECONDS, OtherModel
from driftgauge.agent.review.standing import stream_standing
from driftgauge.storage import SENT_TAPS, AlertRecord, Database, Store

from ...stores import START, STREAM
from ..telemetry.pretend_loop import PretendLoop

WHY = "theirs != ours: weights: abc != xyz; attach with the model that this agent watches"


class Host:
    """An agent whose loop is made up, with its own clock, which the database shares."""

    def __init__(self, store: Store, clock: ManualClock, name: str) -> None:
        self.store, self.clock = store, clock
        self.loop = PretendLoop(clock)
        self.loop.changes |= {"started_at": clock.monotonic(), "turned_at": clock.monotonic()}
        self.watch = SentTapsWatch(store, self.loop.status, clock, agent=name, stream=STREAM)
        self.presence = Presence(store, self.loop.status, clock, name=name, stream=STREAM)
        self.presence.ask_sent_taps(lambda: self.watch.problem)

    def sees(self, *, n_events: int, n_scored: int, scored_now: int) -> None:
        other = OtherModel(WHY, n_events, self.clock.monotonic(), n_scored)
        self.loop.changes |= {"other_model": other, "n_scored": scored_now}

    def scores(self, n: int) -> None:
        self.loop.changes["n_scored"] = n

    def turn(self) -> list[AlertRecord]:
        self.loop.changes["turned_at"] = self.clock.monotonic()
        self.presence.tell()
        self.watch.look()
        return self.store.alerts(STREAM)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def shared(database: Database, clock: ManualClock) -> Store:
    """Give a store, on both databases, whose time is the clock's."""
    store = Store(database, now=clock.now)
    store.ensure_stream(STREAM, "images", 60)
    return store


def test_one_alert_is_raised_and_ends_with_words_once_other_taps_are_scored(
    shared: Store, clock: ManualClock
) -> None:
    host, beside = Host(shared, clock, "a"), Host(shared, clock, "b")
    assert host.turn() == []
    host.sees(n_events=16, n_scored=5, scored_now=5)
    (raised,) = host.turn()
    assert (raised.test, raised.segment, raised.severity) == (SENT_TAPS, "*", "critical")
    assert raised.message.startswith("taps that a serving process sends are not scored")
    assert WHY in raised.message
    beside.sees(n_events=3, n_scored=0, scored_now=9)
    assert len(host.turn()) == len(beside.turn()) == 1

    clock.sleep(2 * QUIET_SECONDS)
    host.scores(5)
    assert host.turn()[0].state == "open"  # nothing was scored since: nobody knows better
    host.scores(25)
    beside.sees(n_events=4, n_scored=9, scored_now=9)
    beside.turn()
    assert host.turn()[0].state == "open"  # the other agent still is sent them
    clock.sleep(QUIET_SECONDS)
    beside.scores(30)
    beside.turn()
    (ended,) = host.turn()
    assert ended.state == "resolved"
    assert ended.message.startswith("the taps that are sent are scored again by detector d-1")


def test_status_says_that_nothing_is_scored_where_all_taps_are_another_models(
    shared: Store, clock: ManualClock
) -> None:
    host = Host(shared, clock, "a")
    (stream,) = shared.streams()
    host.sees(n_events=16, n_scored=0, scored_now=0)
    host.turn()
    found = stream_standing(shared, stream)
    assert found.answer == "held up"
    assert "not scoring: taps of another model are not scored, 16 events so far" in found.why
    host.sees(n_events=17, n_scored=40, scored_now=48)
    host.turn()
    (agent,) = shared.agents(STREAM)
    assert agent.condition.startswith("running, but taps of another model are not scored, 17")
    clock.sleep(QUIET_SECONDS)
    host.turn()
    assert shared.agents(STREAM)[0].condition == "running"


def test_an_agent_that_has_just_started_leaves_the_alert_of_the_one_before(
    shared: Store, clock: ManualClock
) -> None:
    before = Host(shared, clock, "a")
    before.sees(n_events=16, n_scored=0, scored_now=0)
    before.turn()
    shared.leave("a")
    after = Host(shared, clock, "b")
    assert after.turn()[0].state == "open"
    clock.sleep(QUIET_SECONDS + 1)
    assert after.turn()[0].state == "resolved"
