"""A trial begins, is compared and ends whole, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from driftgauge.storage import (
    CountsBeside,
    DetectorRecord,
    GateCheck,
    Judgement,
    MonitorState,
    RecordConflict,
    SegmentAdvance,
    ShadowAlarm,
    ShadowBlock,
    Store,
    TrialRecord,
)

from ..stores import DETECTOR, START, STREAM, HandClock, advance, flush, window

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
HELD = GateCheck("rates", "passed", "the rate holds", "*", 0.01, 0.0, 0.02)


@pytest.fixture
def three(store: Store) -> Store:
    """Give a store with three versions, of which the first is active."""
    for number, status in ((1, "active"), (2, "candidate"), (3, "candidate")):
        name = f"detector-{number}"
        record = DetectorRecord(name, STREAM, f"file:{name}", START, "candidate", {})
        store.register_detector(replace(record, status=status))  # type: ignore[arg-type]  # one of them
    return store


def begun(store: Store, name: str = "detector-2") -> TrialRecord:
    return store.trials.begin(STREAM, name, lasts=DAY, by="retraining 1", note="passed its gate")


def status(store: Store, name: str = "detector-2") -> str:
    found = store.versions.get(STREAM, name)
    return found.status if found else "unknown"


def test_a_trial_makes_a_shadow_and_says_until_when(three: Store) -> None:
    trial = begun(three)
    assert (trial.state, trial.basis, trial.due_at) == ("running", DETECTOR, START + DAY)
    assert status(three) == "shadow"
    assert three.trials.running(STREAM) == trial
    assert begun(three) == trial  # asked for again after a kill


def test_windows_are_compared_from_the_newest_event_so_far(three: Store, clock: HandClock) -> None:
    newest = START - timedelta(days=3)  # a topic that is read late
    windows = [window({0: 1}, minute=-3 * 24 * 60)]
    three.flush(flush(advance(None, 1), windows=windows, segments=[SegmentAdvance("*", newest)]))
    assert begun(three).counted_since == newest


def test_a_promotion_ends_the_trial_with_its_checks_once(three: Store, clock: HandClock) -> None:
    trial = begun(three)
    clock.advance(DAY.total_seconds())
    assert three.trials.end(trial, "promoted", [HELD], by="trial 1", note="held")
    assert not three.trials.end(trial, "promoted", [HELD], by="trial 1", note="held")
    assert (status(three), status(three, DETECTOR)) == ("active", "retired")
    (ended,) = three.trials.all(STREAM)
    assert (ended.state, ended.reason, ended.ended_at) == ("promoted", "held", START + DAY)
    assert three.trials.checks(trial.id) == [HELD]
    assert three.trials.running(STREAM) is None


def test_a_refusal_ends_it_and_keeps_the_reason(three: Store) -> None:
    three.trials.end(begun(three), "refused", [], by="trial 1", note="its rate does not hold")
    assert status(three) == "refused"
    assert three.versions.changes(STREAM, "detector-2")[-1].note == "its rate does not hold"


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (lambda store: store.versions.promote(STREAM, "detector-2", by="ann"), "promoted by ann"),
        (
            lambda store: store.versions.refuse(STREAM, "detector-2", by="ann", note="no"),
            "refused by ann: no",
        ),
        (
            lambda store: store.versions.shadow(STREAM, "detector-3", by="ann"),
            "superseded by ann: by detector-3",
        ),
    ],
)
def test_a_person_s_step_stops_it(three: Store, step: object, said: str) -> None:
    trial = begun(three)
    step(three)  # type: ignore[operator]  # one of the above
    (stopped,) = three.trials.all(STREAM)
    assert (stopped.state, stopped.reason) == ("stopped", said)
    assert not three.trials.end(trial, "promoted", [], by="trial 1", note="")


def test_one_trial_runs_at_a_time(three: Store) -> None:
    first = begun(three)
    second = begun(three, "detector-3")
    assert {one.id: one.state for one in three.trials.all(STREAM)} == {
        first.id: "stopped",
        second.id: "running",
    }


def test_the_active_version_is_not_put_on_trial(three: Store) -> None:
    with pytest.raises(RecordConflict, match="it is active"):
        begun(three, DETECTOR)
    assert three.trials.all(STREAM) == []


def test_another_active_version_restarts_it(three: Store, clock: HandClock) -> None:
    trial = begun(three)
    clock.advance(600)
    three.versions.promote(STREAM, "detector-3", by="ann")
    three.trials.restart(trial, "detector-3")
    again = three.trials.running(STREAM)
    assert again is not None
    assert (again.id, again.basis, again.begun_at) == (trial.id, "detector-3", START + 10 * MINUTE)
    # what was compared with the version before decides nothing
    assert not three.trials.end(trial, "promoted", [], by="trial 1", note="")


def test_counts_of_both_are_read_by_part_of_the_time(three: Store) -> None:
    trial = begun(three)
    own = [window({0: 1, 17: 9}, minute=minute) for minute in (0, 1, 2, 3)]
    beside = [window({0: 2, 17: 8}, minute=minute) for minute in (0, 1, 2)]
    early = window({0: 5, 17: 5}, minute=-1)
    three.flush(
        replace(
            flush(advance(None, 50), windows=[*own, early]),
            beside=[CountsBeside("shadow~detector-2", [*beside, early])],
        )
    )
    assert three.trials.blocks(trial, 2 * MINUTE) == [
        ShadowBlock("*", 0, 20, 20, 2, 20, 4),
        ShadowBlock("*", 1, 20, 10, 1, 10, 2),  # the shadow missed a window
    ]


def test_alarms_are_added_up_by_segment(three: Store) -> None:
    trial = begun(three)

    def judged(cursor: int, *alarms: ShadowAlarm) -> None:
        previous = START + (cursor - 1) * MINUTE if cursor > 1 else None
        state = MonitorState(START + cursor * MINUTE, "")
        three.judge(
            Judgement(
                *(STREAM, previous, state), detector="shadow~detector-2", shadow_alarms=alarms
            )
        )

    def alarm(minute: int, segment: str) -> ShadowAlarm:
        return ShadowAlarm(segment, "drift", START + minute * MINUTE, START + minute * MINUTE)

    judged(1, alarm(1, "*"), alarm(-9, "camera=1"))
    judged(2, alarm(2, "*"))
    assert three.trials.alarms(trial) == [
        ShadowAlarm("*", "drift", START + MINUTE, START + 2 * MINUTE, 2)
    ]
    found = three.versions.shadow_alarms(STREAM, "detector-2")
    assert {one.segment for one in found} == {"*", "camera=1"}
