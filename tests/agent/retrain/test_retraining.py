from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from driftgauge.agent.errors import RetrainingElsewhere, RetrainingImpossible
from driftgauge.agent.retrain import retraining as module
from driftgauge.agent.retrain.lease_keeper import lease_name
from driftgauge.agent.retrain.reach import KeepBounds
from driftgauge.agent.review.retraining_state import retraining_in_words
from driftgauge.detector import load_detector, read_manifest
from driftgauge.storage import Judgement, MonitorState, RetrainingRecord, Store

from ...stores import START, STREAM, HandClock, alert, upgraded
from .traffic import PATTERN, RUN, Station, World


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def station(tmp_path: Path, clock: HandClock) -> Station:
    database = upgraded(f"sqlite:///{tmp_path}/driftgauge.db")
    store = Store(database, now=clock)
    store.ensure_stream(STREAM, "images", 60)
    return Station.begun(store, tmp_path, World(resemblance=0.2))


def sent(station: Station, clock: HandClock, n_runs: int = 60) -> None:
    station.send(n_runs)
    clock.advance(n_runs * RUN.total_seconds() + 1)


def run(station: Station, **more: Any) -> RetrainingRecord:
    return station.retraining(**more).run(trigger="person", by="ada")


def verdicts(station: Station, record: RetrainingRecord) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for check in station.retraining().checks(record):
        found.setdefault(check.name, set()).add(check.verdict)
    return found


def test_a_candidate_is_fitted_checked_and_registered_beside_the_active_one(
    station: Station, clock: HandClock
) -> None:
    sent(station, clock)
    record = run(station)
    assert (record.state, record.reason, record.basis) == ("passed", "", station.name)
    assert record.plan["shadow_seconds"] == timedelta(days=1).total_seconds()
    assert record.candidate is not None
    active = station.store.active_detector(STREAM)
    assert active is not None
    assert active.detector == station.name
    names = {row.detector for row in station.store.detectors(STREAM)}
    assert names == {station.name, record.candidate}
    assert verdicts(station, record)["probes"] == {"passed"}
    assert verdicts(station, record)["anchor"] == {"passed"}
    folder = station.folder / "detector" / record.candidate
    first = station.folder / "detector" / station.name
    for name in (
        "anchor.safetensors",
        "probes.safetensors",
    ):  # the first reference goes on for ever
        assert (folder / name).read_bytes() == (first / name).read_bytes()
    candidate = load_detector(folder)
    assert candidate.channels == station.detector.channels
    assert read_manifest(folder)["notes"]["retraining"]["basis"] == station.name
    assert not list((station.folder / "detector").glob(".retraining-*"))


def test_too_little_traffic_is_refused_with_the_reason(station: Station, clock: HandClock) -> None:
    sent(station, clock, 5)
    record = run(station)
    assert record.state == "refused"
    assert record.candidate is None
    assert "too little traffic: 320 kept events, 2000 wanted" in record.reason
    assert station.retraining().attempts() == [record]


def test_traffic_that_was_learnt_already_is_not_new(station: Station, clock: HandClock) -> None:
    sent(station, clock)
    first = run(station)
    station.activate(first.candidate or "")
    record = run(station, cool_down=timedelta(0))
    assert record.state == "refused"
    assert "too little new traffic: 0 kept events" in record.reason


def test_what_was_kept_since_is_new_however_old_its_events_are(
    station: Station, clock: HandClock
) -> None:
    """An archive is read, or a camera's clock is set back: nothing would ever be new by its date."""
    station.runs = 1000
    sent(station, clock)
    clock.at = START + 1060 * RUN
    first = run(station)
    assert first.state == "passed"
    station.activate(first.candidate or "")
    clock.advance(3600)
    station.runs = 0
    station.send(20)
    material, why = station.retraining(cool_down=timedelta(0)).look()
    assert (material.n_new_events, why) == (20 * 2 * 32, "")


def test_a_refusal_says_that_there_will_never_be_enough(station: Station, clock: HandClock) -> None:
    sent(station, clock, 5)
    assert run(station).reason == "too little traffic: 320 kept events, 2000 wanted"
    clock.advance(40 * 86400)
    station.send(5)
    record = run(station)
    assert "at the rate of the last 35 days about 640 are kept at a time" in record.reason
    clock.advance(2 * 86400)
    bounds = KeepBounds(keep=timedelta(days=365), max_bytes=2**32)
    record = run(station, kept=bounds)
    assert record.reason.endswith("; none was kept since 2026-04-10 12:40 UTC")


def test_a_cool_down_is_told_and_can_be_passed_over(station: Station, clock: HandClock) -> None:
    sent(station, clock)
    run(station)
    record = run(station)
    assert record.state == "refused"
    assert "retraining 1 passed its gate" in record.reason
    again = station.retraining().run(trigger="person", by="ada", ignores_cool_down=True)
    assert again.state == "passed"


def test_nothing_is_learnt_of_times_with_alerts_unless_a_person_called_them_normal(
    station: Station, clock: HandClock
) -> None:
    sent(station, clock)
    since = START + 20 * RUN
    raised = alert(
        segment="camera=1", since=since, window_start=since, refreshed_at=since + 10 * RUN - RUN / 2
    )
    (stored,) = station.store.judge(Judgement(STREAM, None, MonitorState(START, ""), [raised]))
    live, _ = station.retraining().look()
    assert {run.run_start for run in live.in_alerts} == {START + n * RUN for n in range(20, 60)}
    assert {run.segment for run in live.in_alerts} == {"camera=1"}
    station.store.give_verdict(stored.id or 0, "real", at=clock(), by="ada")
    real, _ = station.retraining().look()
    assert {run.run_start for run in real.in_alerts} == {START + n * RUN for n in range(20, 30)}
    assert {run.run_start for run in real.real} == {START + n * RUN for n in range(20, 29)}
    station.store.give_verdict(stored.id or 0, "accepted", at=clock(), by="ada")
    accepted, _ = station.retraining().look()
    assert accepted.in_alerts == []


def test_a_live_alert_of_the_whole_stream_stops_learning(
    station: Station, clock: HandClock
) -> None:
    sent(station, clock)
    raised = alert(segment="*", since=START, window_start=START, refreshed_at=START)
    station.store.judge(Judgement(STREAM, None, MonitorState(START, ""), [raised]))
    record = run(station)
    assert record.state == "refused"
    assert record.reason == (
        "too little traffic: 0 kept events, 2000 wanted (3840 more are of times with alerts, of which a live "
        "one has no end (driftgauge alerts list))"
    )


def test_a_retraining_that_does_not_end_tells_when_it_began(
    station: Station, clock: HandClock
) -> None:
    """As where its process is killed each time, for memory: how far it is stays as it was."""
    begun = station.store.retrainings.begin(
        STREAM, trigger="schedule", by="schedule", basis=station.name, plan={}
    )
    station.store.retrainings.note_progress(begun.id, "training the denoiser", 0.1)
    clock.advance(9 * 86400)
    assert retraining_in_words(station.store, STREAM) == (
        f"number {begun.id}, begun 2026-03-01 12:00 UTC: training the denoiser, 10%"
    )


def test_two_processes_never_retrain_one_stream(station: Station, clock: HandClock) -> None:
    sent(station, clock)
    station.store.acquire_lease(lease_name(STREAM), "another", ttl_seconds=60)
    with pytest.raises(RetrainingElsewhere):
        run(station)
    clock.advance(61)
    assert run(station).state == "passed"


def test_a_killed_retraining_is_gone_on_with(
    station: Station, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent(station, clock)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module, "check_candidate", die)
        with pytest.raises(KeyboardInterrupt):
            run(station)
    (interrupted,) = station.retraining().attempts()
    assert (interrupted.state, interrupted.step) == ("running", "checking the candidate")
    sent(station, clock)  # what comes later is for the next time
    record = run(station)
    assert (record.id, record.state) == (interrupted.id, "passed")
    assert record.figures["learnt_events"] == 60 * 2 * 32


def test_a_stream_without_a_detector_has_nothing_to_retrain(
    tmp_path: Path, station: Station
) -> None:
    station.store.ensure_stream("other", "images", 60)
    settings = replace(station.retraining()._settings, stream="other")
    other = module.Retraining(station.store, station.kept, settings, holder="me")
    with pytest.raises(RetrainingImpossible, match="'other' has no active detector"):
        other.run(trigger="person", by="ada")


def test_a_candidate_that_learnt_a_fault_is_refused(station: Station, clock: HandClock) -> None:
    """Half of the traffic is what the probes show, so that the candidate no longer sees it."""
    station.send(60, lambda taps, age: taps + 2 * PATTERN, cameras=[1])
    clock.advance(60 * RUN.total_seconds() + 1)
    record = run(station)
    assert record.state == "refused"
    assert "known changes: AUROC" in record.reason
    assert record.candidate is not None  # it is kept, with the reason
    assert verdicts(station, record)["probes"] == {"refused"}


def test_a_burst_of_crafted_runs_waits_for_a_person(station: Station, clock: HandClock) -> None:
    sent(station, clock)
    station.send(2, lambda taps, age: taps + 6 * PATTERN, cameras=[0])
    clock.advance(2 * RUN.total_seconds() + 1)
    record = run(station)
    waiting = station.store.retrainings.reviews(STREAM, states=["waiting"])
    assert {(one.segment, one.run_start) for one in waiting} == {
        ("camera=0", START + n * RUN) for n in range(60, 62)
    }
    assert record.figures["events_aside"] == 2 * 32
    numbers = [one.id for one in waiting]
    station.store.retrainings.decide(STREAM, numbers[:1], "accepted", by="ada", note="new lamp")
    station.store.retrainings.decide(STREAM, numbers[1:], "refused", by="ada")
    material, _ = station.retraining().look()
    assert [run.run_start for run in material.aside] == [START + 61 * RUN]


def test_taps_of_another_model_are_not_learnt(station: Station, clock: HandClock) -> None:
    sent(station, clock)
    with station.store.kept._database.write() as connection:
        connection.exec_driver_sql("UPDATE kept_shard SET origin = 'other'")
    record = run(station)
    assert record.state == "refused"
    assert "0 kept events of the model" in record.reason


def test_a_file_that_is_missing_is_told_and_left_out(
    station: Station, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    sent(station, clock)
    station.kept.delete(station.store.kept.shards(STREAM)[3].path)
    assert run(station).state == "passed"
    assert "a file of kept taps is left out" in caplog.text


def test_a_retraining_is_suggested_once_a_change_was_called_normal(
    station: Station, clock: HandClock
) -> None:
    active = station.store.active_detector(STREAM)
    assert active is not None
    at = active.created_at + timedelta(minutes=1)
    (stored,) = station.store.write_alerts([alert(opened_at=at)])
    assert "accepted" not in retraining_in_words(station.store, STREAM)
    station.store.give_verdict(stored.id or 0, "accepted", at=clock(), by="ada")
    words = f"1 alert was accepted as normal since {station.name} was fitted: driftgauge retrain"
    assert words in retraining_in_words(station.store, STREAM)
