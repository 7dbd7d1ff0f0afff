from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from driftgauge.agent.drift.baseline import learn_baseline
from driftgauge.agent.drift.tests.catalogue import choose_tests
from driftgauge.agent.drift.tests.coarse import join_windows, window_statistics
from driftgauge.agent.drift.tests.distance import log_bet

from .many_runs import alarms
from .streams import normal_scores, pool_p_values, windows_of

COARSE = choose_tests(["coarse"])
A = 1000.0
Counts = NDArray[np.int64]


def stream(n_windows: int, seed: int, correlation: float = 0.0, off: float = 0.0) -> Counts:
    scores = normal_scores(16 * n_windows, seed, correlation=correlation, shift=off)
    return windows_of(pool_p_values(scores), 16)[:, None]


def test_a_gross_change_is_found_with_twelve_windows_of_reference() -> None:
    baselines = {str(n): learn_baseline(stream(12, n), COARSE) for n in range(9)}
    live = {name: stream(20, 50 + int(name), off=3.0) for name in baselines}
    found = alarms(baselines, live, A, COARSE, only_first=True)
    delays = [first[0] if first else 21 for first in found.values()]
    assert float(np.median(delays)) <= 10


def test_it_keeps_the_budget_alone() -> None:
    """Twenty quiet runs of 500 windows, in which ten alarms are allowed."""
    for correlation in (0.0, 0.8):
        baselines = {str(n): learn_baseline(stream(40, n, correlation), COARSE) for n in range(20)}
        quiet = {name: stream(500, 100 + int(name), correlation) for name in baselines}
        assert sum(len(f) for f in alarms(baselines, quiet, A, COARSE).values()) <= 10


def test_a_window_far_beyond_the_reference_is_told_at_once_though_neighbours_are_alike() -> None:
    baselines = {str(n): learn_baseline(stream(60, n, 0.8), COARSE) for n in range(9)}
    live = {name: stream(20, 50 + int(name), 0.8, off=4.0) for name in baselines}
    found = alarms(baselines, live, A, COARSE, only_first=True)
    assert float(np.median([first[0] if first else 21 for first in found.values()])) <= 2


def test_a_bet_on_a_distance_has_an_expectation_of_one() -> None:
    p = np.geomspace(1e-9, 1.0, 200_001)
    gains = np.exp(log_bet(p))
    assert np.trapezoid(gains, p) == pytest.approx(
        1.0, abs=0.06
    )  # the tail below 1e-9 has the rest
    assert (np.diff(gains) <= 1e-12).all()


def test_a_smaller_window_waits_for_those_that_follow() -> None:
    joined = join_windows(stream(10, 1), 40)
    assert joined.sum(axis=(1, 2)).tolist() == [48, 48, 48]
    baseline = learn_baseline(stream(60, 1), COARSE)
    single = windows_of(pool_p_values(normal_scores(400, 3)), 1)[:, None]
    assert alarms({"a": baseline}, {"a": single}, A, COARSE) == {"a": []}


def test_statistics_of_a_window_do_not_depend_on_those_beside_it() -> None:
    many = stream(50, 4)
    assert [window_statistics(w).tolist() for w in many] == window_statistics(many).tolist()
