from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftgauge.detector import (
    N_P_VALUE_BINS,
    P_VALUE_EDGES,
    Calibration,
    count_windows,
    p_value_bins,
)
from driftgauge.storage import EDGES

from .models import uniforms

SEED = 20


def draws(n: int, seed: int) -> np.ndarray:
    """Three correlated layers, one of them on a coarse grid, so that ties are common."""
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((n, 1))
    scores = common + rng.standard_normal((n, 3))
    scores[:, 2] = np.round(scores[:, 2])
    return scores


def test_p_values_of_fresh_events_are_uniform_over_draws_of_the_calibration() -> None:
    pooled = []
    for seed in range(200):
        calibration = Calibration.fit(draws(60, seed), draws(60, 1000 + seed))
        _, p_values = calibration.p_values(draws(20, 5000 + seed), uniforms(20, seed))
        pooled.append(p_values)
    columns = np.concatenate(pooled)
    for column in columns.T:
        for alpha in (0.01, 0.05, 0.2, 0.5):
            realised = float((column <= alpha).mean())
            assert realised == pytest.approx(alpha, abs=4 * np.sqrt(alpha * (1 - alpha) / 2000))


def test_events_left_out_of_their_own_ranks_are_uniform_too() -> None:
    pooled = []
    for seed in range(100):
        cal_a, cal_b = draws(60, seed), draws(60, 1000 + seed)
        calibration = Calibration.fit(cal_a, cal_b)
        pooled += list(calibration.own_p_values(cal_a, cal_b, seed))
    columns = np.concatenate(pooled)
    for column in columns.T:
        for alpha in (0.05, 0.2, 0.5):
            assert float((column <= alpha).mean()) == pytest.approx(alpha, abs=0.02)


@settings(max_examples=50)
@given(st.integers(0, 10_000), st.floats(-5, 5))
def test_p_values_stay_in_range_and_fall_as_the_score_rises(seed: int, score: float) -> None:
    calibration = Calibration.fit(draws(40, seed), draws(40, seed + 1))
    scores = np.array([[score] * 3, [score + 1.5] * 3])
    statistic, p_values = calibration.p_values(scores, np.array([0.5, 0.5]))
    assert bool(((p_values > 0) & (p_values <= 1)).all())
    assert bool((p_values[1] <= p_values[0]).all())
    assert statistic[1] >= statistic[0]


def test_p_values_are_deterministic_and_independent_of_neighbours() -> None:
    calibration = Calibration.fit(draws(100, 1), draws(100, 2))
    scores, u = draws(30, 3), uniforms(30)
    _, together = calibration.p_values(scores, u)
    _, alone = calibration.p_values(scores[4:5], u[4:5])
    assert np.array_equal(together[4:5], alone)


def test_bins_are_the_ones_that_storage_keeps() -> None:
    assert P_VALUE_EDGES == EDGES


def test_every_p_value_is_counted_in_the_bin_that_holds_it() -> None:
    p_values = np.random.default_rng(0).uniform(1e-9, 1, 2000)
    edges = np.asarray(P_VALUE_EDGES)
    bins = p_value_bins(p_values)
    assert bool(((edges[bins] < p_values) & (p_values <= edges[bins + 1])).all())
    assert p_value_bins(np.asarray(P_VALUE_EDGES[1:])).tolist() == list(range(N_P_VALUE_BINS))


def test_windows_count_every_event_once() -> None:
    rng = np.random.default_rng(1)
    p_values = rng.uniform(1e-9, 1, (100, 2))
    window_ids = np.sort(rng.integers(0, 12, 100)) * 3
    counts = count_windows(p_values, window_ids)
    _, events = np.unique(window_ids, return_counts=True)
    assert np.array_equal(counts[:, 0].sum(axis=1), events)
    assert np.array_equal(counts[:, 1].sum(axis=1), events)
