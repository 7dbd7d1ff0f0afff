from __future__ import annotations

import numpy as np
import pytest

from driftgauge.agent.retrain.clustered_rate import measure_rate, rate_interval


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
