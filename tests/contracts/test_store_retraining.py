"""Rows of retraining, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from driftgauge.storage import GateCheck, RecordConflict, RetrainingRecord, Store

from ..stores import START, STREAM, HandClock

CHECKS = [
    GateCheck("finite", "passed", "all its numbers are finite"),
    GateCheck("false alarms", "refused", "too many", "camera=1", 0.05, 0.0, 0.02),
]


def begun(store: Store) -> RetrainingRecord:
    return store.retrainings.begin(
        STREAM, trigger="person", by="ada", basis="d1", plan={"seed": 0, "until": "now"}
    )


def test_an_attempt_is_told_from_its_beginning_to_its_end(store: Store, clock: HandClock) -> None:
    record = begun(store)
    assert (record.state, record.started_at, record.plan["seed"]) == ("running", START, 0)
    store.retrainings.note_progress(record.id, "training", 0.5)
    (running,) = store.retrainings.all(STREAM)
    assert (running.step, running.share) == ("training", 0.5)
    clock.advance(60)
    ended = store.retrainings.finish(
        record.id, "refused", reason="why", candidate="d2", figures={"n": 1}, checks=CHECKS
    )
    assert store.retrainings.all(STREAM) == [ended]
    assert (ended.state, ended.reason, ended.candidate) == ("refused", "why", "d2")
    assert ended.finished_at == START + timedelta(seconds=60)
    assert store.retrainings.checks(record.id) == CHECKS


def test_attempts_are_listed_newest_first(store: Store) -> None:
    first, second = begun(store), begun(store)
    assert [one.id for one in store.retrainings.all(STREAM)] == [second.id, first.id]
    assert [one.id for one in store.retrainings.all(STREAM, limit=1)] == [second.id]


def test_a_run_is_put_aside_once_and_keeps_what_was_said_of_it(store: Store) -> None:
    run = ("camera=1", START, 480, 200)
    store.retrainings.put_aside(STREAM, [run])
    (found,) = store.retrainings.reviews(STREAM)
    assert (found.segment, found.events, found.unusual, found.state) == (
        *("camera=1", 480, 200, "waiting"),
    )
    assert store.retrainings.decide(STREAM, [found.id], "accepted", by="ada", note="a lamp") == 1
    store.retrainings.put_aside(STREAM, [run])
    (again,) = store.retrainings.reviews(STREAM)
    assert (again.state, again.decided_by, again.note) == ("accepted", "ada", "a lamp")
    assert store.retrainings.reviews(STREAM, states=["waiting"]) == []


def test_an_unknown_run_is_refused_and_nothing_is_decided(store: Store) -> None:
    store.retrainings.put_aside(STREAM, [("camera=1", START, 480, 200)])
    (found,) = store.retrainings.reviews(STREAM)
    with pytest.raises(RecordConflict, match="no run with the number 99"):
        store.retrainings.decide(STREAM, [found.id, 99], "refused", by="ada")
    assert store.retrainings.reviews(STREAM)[0].state == "waiting"
