from __future__ import annotations

from datetime import timedelta

from driftgauge.agent.drift.baseline import Baseline, learn_baseline
from driftgauge.agent.drift.monitor_settings import MonitorSettings
from driftgauge.agent.fit.fit_power import fit_power, untested_warnings

from ..drift.streams import normal_scores, pool_p_values, windows_of

JUDGING = MonitorSettings(stream="s", window_seconds=600, windows_between_false_alarms=4320.0)


def baseline(n_windows: int, correlation: float) -> Baseline:
    scores = normal_scores(16 * n_windows, 1, correlation=correlation)
    found = learn_baseline(windows_of(pool_p_values(scores), 16)[:, None])
    assert found is not None
    return found


def test_fit_says_when_changes_would_be_told_and_in_which_segments_too_late() -> None:
    known = {"camera=1": baseline(200, 0.0), "camera=2": baseline(40, 0.97)}
    power = fit_power(known, JUDGING, is_timed=True)
    assert power["camera=1"].words.startswith(
        "a failure of all images is told after 1 window, 10 % unusual images after"
    )
    assert power["camera=1"].words.endswith("windows of 16 images")
    assert [power[name].is_tested for name in known] == [True, False], "an hour holds six windows"
    (warning,) = untested_warnings(power)
    assert warning.startswith("in camera=2 even a failure of all images would be told later")


def test_a_reference_without_times_is_counted_in_windows_alone() -> None:
    known = {"camera=2": baseline(40, 0.9)}
    assert fit_power(known, JUDGING, is_timed=False)["camera=2"].is_tested
    assert untested_warnings(fit_power(known, JUDGING, is_timed=False)) == []
    short = MonitorSettings(
        stream="s",
        window_seconds=600,
        windows_between_false_alarms=4320.0,
        tested_within=timedelta(minutes=1),
    )
    assert not fit_power(known, short, is_timed=True)["camera=2"].is_tested
