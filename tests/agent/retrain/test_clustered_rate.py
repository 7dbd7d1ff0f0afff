from __future__ import annotations

import numpy as np
import pytest

from driftgauge.agent.retrain.clustered_rate import (
    WindowHits,
    measure_counts,
    measure_rate,
    rate_bounds,
    rate_interval,
)
from driftgauge.agent.retrain.gate import FEWEST_EFFECTIVE


@pytest.mark.parametrize("correlation", [0.0, 0.2])
def test_the_interval_holds_as_often_as_it_says(correlation: float) -> None:
    """Reference and fresh events are drawn alike, in runs of 40."""
    rng = np.random.default_rng(3)

    def hits(n_runs: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        if not correlation:
            return rng.random(n_runs * 40) < 0.05
        total = (1 - correlation) / correlation
        shares = rng.beta(0.05 * total, 0.95 * total, n_runs)
        return rng.random(n_runs * 40) < np.repeat(shares, 40)

    inside = 0
    for _ in range(300):
        reference, fresh = hits(100), hits(40)
        found = measure_rate(fresh, np.repeat(np.arange(40), 40))
        low, high = rate_interval(
            float(reference.mean()), len(reference) / found.design_effect, found.effective,
            confidence=0.95,
        )  # fmt: skip
        inside += low <= found.rate <= high
    assert inside >= 0.9 * 300


def test_events_of_a_run_that_are_all_alike_count_once() -> None:
    hits = np.repeat(np.arange(50) % 5 == 0, 40)
    found = measure_rate(hits, np.repeat(np.arange(50), 40))
    assert found.rate == pytest.approx(0.2)
    assert found.effective == pytest.approx(50, rel=0.1)


@pytest.mark.parametrize("correlation", [0.0, 0.1, 0.3, 0.6])
def test_correlated_frames_seldom_lie_outside_by_chance(correlation: float) -> None:
    """Few hits at alpha: of twenty runs of 32 frames and a reference of 56, most have none."""
    rng = np.random.default_rng(1)

    def drawn(n_runs: int) -> np.ndarray:
        shared, own = rng.normal(size=(n_runs, 1)), rng.normal(size=(n_runs, 32))
        scores: np.ndarray = correlation**0.5 * shared + (1 - correlation) ** 0.5 * own
        return scores

    outside = n_checked = 0
    for _ in range(300):
        reference, fresh = drawn(56), drawn(20)
        limit = np.quantile(reference, 0.99)
        found = measure_counts(np.full(20, 32), (fresh > limit).sum(axis=1))
        halves = (reference > limit).reshape(112, 16).sum(axis=1)
        known = WindowHits(np.full(112, 16), halves).by_runs_like(found)
        allowed = rate_bounds(found, known, expected=0.01, confidence=0.99)
        if allowed.effective >= FEWEST_EFFECTIVE:
            n_checked += 1
            outside += not allowed.holds(found.rate)
    assert n_checked >= 200
    assert outside <= 0.025 * n_checked


def test_none_of_many_correlated_events_is_no_proof_of_tolerance() -> None:
    """Without a hit nothing shows how hits cluster; the reference does."""
    clustered = np.zeros(60, np.int64)
    clustered[[7, 31]] = (9, 10)  # about 1 % of 1,920 frames, all in two runs
    found = measure_counts(np.full(33, 32), np.zeros(33, np.int64))
    known = WindowHits(np.full(60, 32), clustered).by_runs_like(found)
    assert rate_bounds(found, known, expected=0.01, confidence=0.99).holds(0.0)
    spread = WindowHits(np.full(6000, 32), np.arange(6000) % 3 == 0).by_runs_like(found)
    assert not rate_bounds(found, spread, expected=0.01, confidence=0.99).holds(0.0)
