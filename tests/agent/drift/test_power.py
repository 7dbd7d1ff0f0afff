from __future__ import annotations

import math

import numpy as np

from driftgauge.agent.drift.baseline import Baseline, learn_baseline
from driftgauge.agent.drift.power import (
    HIGHEST,
    LONGEST_WINDOWS,
    Power,
    PowerCurve,
    measure_power,
    power_curves,
    usual_events,
)
from driftgauge.agent.drift.tests.catalogue import choose_tests

from .many_runs import alarms
from .streams import normal_scores, pool_p_values, windows_of

LOG_A = math.log(1000.0)


def baseline(n_windows: int, correlation: float = 0.0) -> Baseline:
    scores = normal_scores(16 * n_windows, 1, correlation=correlation)
    found = learn_baseline(windows_of(pool_p_values(scores), 16)[:, None])
    assert found is not None
    return found


def test_power_grows_with_reference_and_falls_with_correlation() -> None:
    found = measure_power(
        {"short": baseline(20), "long": baseline(400), "video": baseline(80, 0.9)}, LOG_A
    )
    assert found["long"].total_failure == 1
    assert found["long"].tenth is not None
    assert found["long"].tenth <= (found["short"].tenth or 1000)
    assert 1 < (found["video"].total_failure or 0) <= 12


def test_more_segments_take_longer_since_they_share_one_budget() -> None:
    one = {"a": baseline(80, 0.9)}
    alone, shared = (measure_power(one, LOG_A + extra)["a"] for extra in (0.0, 6.0))
    assert (shared.total_failure or 0) > (alone.total_failure or 0)


def test_what_is_told_is_about_what_happens() -> None:
    """On streams of which a tenth is unusual, in windows of the usual size."""
    told = measure_power({"a": baseline(200)}, LOG_A)["a"].tenth
    assert told is not None
    live = {}
    for run in range(9):
        scores = normal_scores(16 * 300, 100 + run)
        scores[np.random.default_rng(run).random(len(scores)) < 0.1] += 6.0
        live[str(run)] = windows_of(pool_p_values(scores), 16)[:, None]
    found = alarms(dict.fromkeys(live, baseline(200)), live, 1000.0, only_first=True)
    median = float(np.median([first[0] for first in found.values()]))
    assert told / 2 <= median <= 2 * told


def test_the_usual_number_of_images_is_the_references() -> None:
    assert usual_events(baseline(40)) == 16


def test_a_curve_tells_the_power_at_any_budget_and_is_kept_as_it_is() -> None:
    one = {"a": baseline(80, 0.9)}
    curve = power_curves(one)["a"]
    assert (np.diff(curve.tenth) >= 0.0).all()
    assert curve.total_failure[-1] >= HIGHEST or len(curve.total_failure) == LONGEST_WINDOWS
    for log_threshold in (2.0, LOG_A, 25.0):
        assert PowerCurve.load(curve.dump()).at(log_threshold) == curve.at(log_threshold)
        assert measure_power(one, log_threshold)["a"] == curve.at(log_threshold)
    assert curve.at(1e9) == Power(None, None), "of what was not reached, nothing is known"
    assert len(curve.dump()) < 2048


def test_where_only_the_coarse_test_runs_it_still_has_a_power() -> None:
    scores = normal_scores(16 * 12, 1)
    coarse = learn_baseline(
        windows_of(pool_p_values(scores), 16)[:, None], choose_tests(["coarse"])
    )
    assert coarse is not None
    assert usual_events(coarse) == 16
    found = measure_power({"a": coarse}, LOG_A, tests=choose_tests(["coarse"]))["a"]
    assert 1 <= (found.total_failure or 0) <= 5
