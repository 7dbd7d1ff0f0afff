from __future__ import annotations

import math

import numpy as np

from driftgauge.agent.drift.baseline import Baseline, learn_baseline
from driftgauge.agent.drift.power import measure_power, usual_events

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
    assert found["long"].tenth < (found["short"].tenth or 1000)
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
