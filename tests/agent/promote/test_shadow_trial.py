"""A candidate that passed its gate goes its way by itself, and stops where its trial does not hold."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from driftgauge.agent.promote.shadow_trial import MOST_TIMES, ShadowTrial, TrialSettings
from driftgauge.agent.review.retraining_state import trial_in_words
from driftgauge.storage import (
    AlertRecord,
    CountsBeside,
    DetectorRecord,
    FlushRecord,
    Judgement,
    MonitorState,
    SegmentBaseline,
    ShadowAlarm,
    Store,
    WindowRecord,
    shadow_name,
)

from ...stores import STREAM, HandClock, advance, alert, window
from ..retrain.traffic import Station, World

DAY = timedelta(days=1)
N_WINDOWS, EVENTS = 96, 100
CANDIDATE = "candidate"


@pytest.fixture
def station(tmp_path: Path, store: Store) -> Station:
    """Give a stream whose candidate has passed its gate: as good as the active one, which it is."""
    station = Station.begun(store, tmp_path, World(resemblance=0.2))
    passed(station, shadow=DAY)
    return station


def passed(station: Station, *, shadow: timedelta) -> None:
    """Write what a retraining writes whose candidate passes."""
    store, plan = station.store, {"shadow_seconds": shadow.total_seconds()}
    record = store.retrainings.begin(
        STREAM, trigger="schedule", by="schedule", basis=station.name, plan=plan
    )
    store.register_detector(replace(another(station, CANDIDATE), status="candidate"))
    store.retrainings.finish(record.id, "passed", candidate=CANDIDATE)


def turn(station: Station) -> str:
    """Let one turn pass, of an agent that has just started; return the candidate's status."""
    settings = TrialSettings(
        stream=STREAM, alpha=0.01, seconds_between_false_alarms=30 * DAY.total_seconds()
    )
    ShadowTrial(station.store, settings).turn()
    return status(station)


def status(station: Station) -> str:
    found = station.store.versions.get(STREAM, CANDIDATE)
    return found.status if found else "unknown"


def counted(
    station: Station, clock: HandClock, *, active: float = 0.01, shadow: float = 0.01,
    share: float = 1.0, segment: str = "*",
) -> None:  # fmt: skip
    """Let a day of windows pass in which each version has its rate, the shadow in a *share* of them."""
    rng, begins = np.random.default_rng(4), clock.at
    starts = [begins + n * DAY / N_WINDOWS for n in range(N_WINDOWS)]

    def windows(rate: float, n: int) -> list[WindowRecord]:
        drawn = rng.binomial(EVENTS, rate, N_WINDOWS)
        return [
            replace(window({0: int(k), 17: EVENTS - int(k)}, segment=segment), window_start=at)
            for k, at in zip(drawn[:n], starts[:n], strict=True)
        ]

    own = advance(station.offset or None, station.offset + 1)
    station.offset += 1
    beside = CountsBeside(shadow_name(CANDIDATE), windows(shadow, int(share * N_WINDOWS)))
    station.store.flush(
        FlushRecord(STREAM, station.name, [own], windows(active, N_WINDOWS), beside=[beside])
    )
    clock.advance(DAY.total_seconds())


def judged(station: Station, *alerts: AlertRecord, alarms: tuple[ShadowAlarm, ...] = ()) -> None:
    """Write what both monitors found."""
    store, state = station.store, MonitorState(station.store.clock(), "")
    if alerts:
        store.judge(Judgement(STREAM, None, state, alerts, detector=station.name))
    name = shadow_name(CANDIDATE)
    store.judge(Judgement(STREAM, None, state, detector=name, shadow_alarms=alarms))


def another(station: Station, name: str = "other") -> DetectorRecord:
    """Return the row of a version that nobody knows yet, to be active."""
    active = station.store.active_detector(STREAM)
    assert active is not None
    return replace(active, detector=name)


def reason(station: Station) -> str:
    return station.store.trials.all(STREAM)[0].reason


def test_it_scores_beside_the_active_one_for_its_time_and_is_promoted(
    station: Station, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert turn(station) == "shadow"
    assert f"{CANDIDATE} scores beside {station.name}" in trial_in_words(station.store, STREAM)
    counted(station, clock)
    clock.advance(-60)
    assert turn(station) == "shadow"  # its time is not over
    clock.advance(60)
    assert turn(station) == "active"
    assert turn(station) == "active"  # nothing is left to do
    (trial,) = station.store.trials.all(STREAM)
    checks = station.store.trials.checks(trial.id)
    assert (trial.state, {one.verdict for one in checks}) == ("promoted", {"passed"})
    assert "its trial beside" in station.store.versions.changes(STREAM)[-1].note
    assert {"trial_begun", "trial_promoted"} <= {
        getattr(record, "action", "") for record in caplog.records
    }
    assert trial_in_words(station.store, STREAM) == ""


def test_baselines_that_it_learnt_meanwhile_are_taken_over(
    station: Station, clock: HandClock
) -> None:
    turn(station)
    learnt = SegmentBaseline(
        segment="camera=9", source="learnt", made_by="monitor", events=100, effective_events=100.0,
        windows=1, tests=(), measured=b"",
    )  # fmt: skip
    station.store.write_baselines(STREAM, shadow_name(CANDIDATE), [learnt])
    counted(station, clock)
    turn(station)
    (taken,) = station.store.baselines(STREAM, CANDIDATE)
    assert (taken.segment, taken.source) == ("camera=9", "shadow")


def test_a_rate_that_does_not_hold_refuses_it_with_the_figures(
    station: Station, clock: HandClock
) -> None:
    turn(station)
    counted(station, clock, shadow=0.04)
    assert turn(station) == "refused"
    assert "the stream: 4." in reason(station)
    assert "1.00% expected" in reason(station)
    assert station.store.versions.changes(STREAM)[-1].note == reason(station)


def test_a_rate_no_farther_off_than_the_active_one_s_is_no_reason(
    station: Station, clock: HandClock
) -> None:
    """The day was unusual for both."""
    turn(station)
    counted(station, clock, active=0.08, shadow=0.04)
    assert turn(station) == "active"


def test_a_shadow_that_did_not_score_is_refused(station: Station, clock: HandClock) -> None:
    turn(station)
    counted(station, clock, share=0.5)
    assert turn(station) == "refused"
    assert "it scored 4800 of the 9600 images" in reason(station)


def test_without_traffic_it_goes_on_and_ends_at_last(station: Station, clock: HandClock) -> None:
    turn(station)
    clock.advance(DAY.total_seconds())
    assert turn(station) == "shadow"
    assert "too few to compare" in trial_in_words(station.store, STREAM)
    clock.advance((MOST_TIMES - 1) * DAY.total_seconds())
    assert turn(station) == "refused"
    assert "too little quiet traffic" in reason(station)


def test_a_day_with_an_alert_of_the_stream_is_no_day_to_compare(
    station: Station, clock: HandClock
) -> None:
    turn(station)
    counted(station, clock)
    at = clock.at - DAY / 2
    judged(
        station,
        alert(segment="*", detector=station.name, since=at, window_start=at, refreshed_at=at),
        alarms=(ShadowAlarm("*", "betting", at, at),),
    )
    assert turn(station) == "shadow"
    assert "there is an alert" in trial_in_words(station.store, STREAM)
    station.store.give_verdict(1, "accepted", at=clock(), by="ada")
    assert turn(station) == "active"


def test_a_change_that_only_the_active_one_tells_refuses_it(
    station: Station, clock: HandClock
) -> None:
    turn(station)
    counted(station, clock)
    at = clock.at - DAY / 2
    found = alert(detector=station.name, since=at, window_start=at, refreshed_at=at, opened_at=at)
    judged(station, found)
    assert turn(station) == "refused"
    assert "would not have raised 1 of 1 alerts" in reason(station)
    assert "1 of camera=3" in reason(station)


def test_an_alert_that_came_last_may_still_be_found(station: Station, clock: HandClock) -> None:
    turn(station)
    counted(station, clock)
    at = clock.at - DAY / 100
    found = alert(detector=station.name, since=at, window_start=at, refreshed_at=at, opened_at=at)
    judged(station, found)
    assert turn(station) == "shadow"
    assert "may still be found" in trial_in_words(station.store, STREAM)
    clock.advance(DAY.total_seconds() / 4)
    assert turn(station) == "refused"


def test_an_alert_that_both_tell_is_none_against_it(station: Station, clock: HandClock) -> None:
    turn(station)
    counted(station, clock)
    at = clock.at - DAY / 2
    found = alert(detector=station.name, since=at, window_start=at, refreshed_at=at, opened_at=at)
    judged(station, found, alarms=(ShadowAlarm("camera=3", "betting", at, at),))
    assert turn(station) == "active"


def test_more_alarms_of_its_own_than_the_budget_allows_refuse_it(
    station: Station, clock: HandClock
) -> None:
    turn(station)
    counted(station, clock)
    alarms = tuple(ShadowAlarm(f"camera={n}", "betting", clock.at, clock.at) for n in range(3))
    judged(station, alarms=alarms)
    assert turn(station) == "refused"
    assert "alerts in 3 segments (camera=0, camera=1, camera=2)" in reason(station)


def test_another_active_detector_restarts_it(station: Station, clock: HandClock) -> None:
    turn(station)
    counted(station, clock)
    other = another(station)
    station.store.register_detector(other)
    assert turn(station) == "shadow"
    trial = station.store.trials.running(STREAM)
    assert trial is not None
    assert (trial.basis, trial.begun_at) == ("other", clock.at)


def test_with_no_shadow_time_it_is_promoted_at_once(tmp_path: Path, store: Store) -> None:
    station = Station.begun(store, tmp_path, World(resemblance=0.2))
    passed(station, shadow=timedelta(0))
    assert turn(station) == "active"
    assert store.versions.changes(STREAM)[-1].note == "passed its gate"
    assert store.trials.all(STREAM) == []


def test_a_person_s_shadow_is_not_ended_by_it(station: Station, clock: HandClock) -> None:
    other = another(station)
    station.store.register_detector(replace(other, status="candidate"))
    station.store.versions.shadow(STREAM, "other", by="ada")
    assert turn(station) == "candidate"
    assert "until a person decides" in trial_in_words(station.store, STREAM)
    station.store.versions.refuse(STREAM, "other", by="ada", note="no")
    assert turn(station) == "shadow"


def test_a_candidate_whose_detector_was_replaced_waits_for_a_person(station: Station) -> None:
    other = another(station)
    station.store.register_detector(other)
    assert turn(station) == "candidate"
    assert f"compared with {station.name}, which is not active any more" in trial_in_words(
        station.store, STREAM
    )


def test_no_retraining_begins_while_a_trial_runs(station: Station, clock: HandClock) -> None:
    turn(station)
    record = station.retraining(cool_down=timedelta(0)).run(trigger="schedule", by="schedule")
    assert record.state == "refused"
    assert "is then promoted or refused" in record.reason


def test_a_kill_at_any_write_leaves_a_trial_that_goes_on(
    station: Station, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A status and its trial change together: what was not written is done by the next turn."""
    turn(station)
    counted(station, clock)

    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("driftgauge.storage.trial_life.promote_detector", dies)
        with pytest.raises(KeyboardInterrupt):
            turn(station)
    assert status(station) == "shadow"
    assert station.store.trials.checks(1) == []
    assert turn(station) == "active"
