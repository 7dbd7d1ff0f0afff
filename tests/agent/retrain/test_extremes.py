from __future__ import annotations

from datetime import timedelta

import numpy as np

from driftgauge.agent.retrain.extremes import extreme_runs
from driftgauge.storage import KeptRun

from ...stores import START


def runs(unusual: list[int], *, events: int = 480) -> list[KeptRun]:
    return [
        KeptRun("camera=1", START + timedelta(hours=n), n, events, k) for n, k in enumerate(unusual)
    ]


def drawn(rng: np.random.Generator, n: int, *, correlation: float) -> list[int]:
    total = (1 - correlation) / correlation
    shares = rng.beta(0.01 * total, 0.99 * total, n)
    return [int(k) for k in rng.binomial(480, shares)]


def test_a_burst_waits_for_a_person_beyond_what_leaves_alpha_as_it_is() -> None:
    usual = drawn(np.random.default_rng(0), 200, correlation=0.01)
    burst = runs([*usual, 300, 310, 320, 330])  # half of alpha of 98,000 events is 490
    assert [run.unusual for run in extreme_runs(burst, 0.01)] == [310, 320, 330]


def test_what_is_sustained_is_no_extreme() -> None:
    """It raises an alert, and what a person accepted must be learnt."""
    assert extreme_runs(runs([4] * 100 + [200] * 100), 0.01) == []


def test_stationary_traffic_loses_nothing_that_counts() -> None:
    """However much the frames of a run resemble each other: else normal would narrow every time."""
    rng = np.random.default_rng(1)
    for correlation in (0.001, 0.05, 0.3):
        lost = total = 0
        for _ in range(100):
            own = runs(drawn(rng, 200, correlation=correlation))
            total += sum(run.unusual for run in own)
            lost += sum(run.unusual for run in extreme_runs(own, 0.01))
        assert lost <= 0.1 * total, (correlation, lost, total)
