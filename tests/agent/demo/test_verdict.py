"""Verdicts come from the alerts: an unfound fault and a false alarm are told as such."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from driftgauge.agent.demo.faults import FAULT_KINDS
from driftgauge.agent.demo.plan import Spans, plan_run
from driftgauge.agent.demo.scenes import CAMERAS
from driftgauge.agent.demo.verdict import judge_run

from .pretend import NOW, WINDOW, alert_for, plan


def test_every_fault_comes_once_on_its_own_camera_one_after_the_other() -> None:
    run = plan()
    assert [planned.fault.kind for planned in run.faults] == list(FAULT_KINDS)
    assert sorted(planned.camera for planned in run.faults) == sorted(CAMERAS)
    for before, after in zip(run.faults, run.faults[1:], strict=False):
        assert after.begins >= before.ends + run.spans.recovery


def test_no_event_lies_in_the_future_and_windows_are_whole() -> None:
    run = plan()
    assert run.time(run.frames) <= NOW
    assert run.starts_at.timestamp() % 16 == 0
    assert run.frames % 16 == run.live_from % 16 == 0


def test_a_plan_depends_on_the_seed_alone() -> None:
    spans = Spans()
    plans = [
        plan_run(CAMERAS, spans=spans, severity="mild", seed=seed, now=NOW) for seed in (1, 1, 2)
    ]
    assert plans[0] == plans[1] != plans[2]


def test_two_cameras_share_the_faults() -> None:
    run = plan_run(["a", "b"], spans=Spans(), severity="plain", seed=0, now=NOW)
    assert [planned.camera for planned in run.faults] == ["a", "b", "a", "b", "a"]


def test_frames_count_to_the_end_of_the_alerts_window() -> None:
    run = plan()
    first = run.faults[0]
    verdict = judge_run(run, [alert_for(run, first, windows=0), alert_for(run, first, windows=2)])
    assert verdict.n_found == 1
    assert verdict.faults[0].frames == 16 - first.begins % 16
    assert verdict.faults[0].seconds == verdict.faults[0].frames


def test_an_alert_before_the_fault_on_its_camera_is_false() -> None:
    run = plan()
    early = alert_for(run, run.faults[0], windows=-1)
    verdict = judge_run(run, [early])
    assert (verdict.n_found, verdict.false_alarms) == (0, (early,))


def test_an_alert_on_another_camera_is_false() -> None:
    run = plan()
    astray = replace(alert_for(run, run.faults[0]), segment=f"camera={run.faults[1].camera}")
    assert judge_run(run, [astray]).false_alarms == (astray,)


def test_an_alert_after_the_recovery_is_false() -> None:
    run = plan()
    late = run.time(run.faults[0].ends + run.spans.recovery)
    alert = replace(alert_for(run, run.faults[0]), window_start=late)
    assert judge_run(run, [alert]).false_alarms == (alert,)
    just = replace(alert, window_start=late - timedelta(seconds=1))
    assert judge_run(run, [just]).n_found == 1


def test_an_alert_on_all_cameras_finds_nothing_and_is_not_false_during_a_fault() -> None:
    run = plan()
    during = replace(alert_for(run, run.faults[0]), segment="*")
    before = replace(during, window_start=run.time(run.faults[0].begins) - WINDOW)
    verdict = judge_run(run, [during, before])
    assert (verdict.n_found, verdict.false_alarms) == (0, (before,))


@pytest.mark.parametrize("alerted", [0, 3, 5])
def test_quiet_frames_leave_out_faults_and_their_recoveries(alerted: int) -> None:
    run = plan()
    verdict = judge_run(run, [alert_for(run, planned) for planned in run.faults[:alerted]])
    busy = 5 * (run.spans.fault + run.spans.recovery)
    assert (verdict.n_found, verdict.quiet_frames) == (alerted, run.n_live - busy)


def test_an_alert_on_predicted_classes_finds_no_fault_and_is_false_when_all_is_quiet() -> None:
    run = plan()
    during = replace(alert_for(run, run.faults[0]), test="label_shift")
    before = replace(alert_for(run, run.faults[1], windows=-1), test="label_shift")
    verdict = judge_run(run, [during, before])
    assert (verdict.n_found, verdict.false_alarms) == (0, (before,))
