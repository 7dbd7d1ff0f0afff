from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from driftgauge.agent.drift.bets import SegmentBets, build_bets, merge_bins
from driftgauge.agent.drift.design_effect import DesignEffect
from driftgauge.agent.drift.log_evidence import advance, log_mean

from .streams import normal_scores, pool_p_values, windows_of

A = 1000.0
"""Windows between false alarms that are promised."""

Counts = NDArray[np.int64]


def reference(n: int, seed: int, *, correlation: float = 0.0, shift: float = 0.0) -> Counts:
    return windows_of(pool_p_values(normal_scores(n, seed, correlation=correlation, shift=shift)))


def alarms(bets: SegmentBets, windows: Counts, *, stop_at_first: bool = False) -> list[int]:
    """Return the numbers of the alarming windows; evidence starts anew after each."""
    log_evidence = np.full(len(bets.log_gain), -np.inf)
    found = []
    for number, counts in enumerate(windows):
        log_evidence = advance(log_evidence, bets.log_evidence(counts))
        if len(log_evidence) and log_mean(log_evidence) >= math.log(A):
            found.append(number)
            if stop_at_first:
                break
            log_evidence = np.full(len(bets.log_gain), -np.inf)
    return found


@pytest.mark.parametrize(
    ("correlation", "n", "shift", "allowed"),
    [
        (0.0, 2048, 0.0, 6),
        (0.0, 2048, 0.5, 6),
        (0.5, 2048, 0.5, 6),
        (0.9, 2048, 0.5, 6),
        (0.9, 8192, 0.5, 6),
    ],
)
def test_the_budget_holds_off_the_pool_with_finite_reference_and_alike_neighbours(
    correlation: float, n: int, shift: float, allowed: int
) -> None:
    """Three quiet runs of 1,000 windows each; three alarms are the expectation at most."""
    total = 0
    for seed in range(3):
        bets = build_bets(reference(n, seed, correlation=correlation, shift=shift))
        live = reference(64 * 1000, 100 + seed, correlation=correlation, shift=shift)
        total += len(alarms(bets, live))
    assert total <= allowed


def test_without_its_own_masses_a_segment_off_the_pool_alarms_all_the_time() -> None:
    pool = build_bets(reference(8192, 1))
    live = reference(64 * 100, 2, shift=0.5)
    assert len(alarms(pool, live)) > 20


@pytest.mark.parametrize(("changed", "within"), [(1.0, 1), (0.3, 2), (0.1, 5)])
def test_a_change_of_some_events_is_found_in_few_windows(changed: float, within: int) -> None:
    delays = []
    for seed in range(5):
        bets = build_bets(reference(8192, seed))
        rng = np.random.default_rng(50 + seed)
        scores = normal_scores(64 * 40, 60 + seed)
        scores[rng.random(len(scores)) < changed] += 3.0
        found = alarms(bets, windows_of(pool_p_values(scores)), stop_at_first=True)
        delays.append(found[0] + 1 if found else 1000)
    assert float(np.median(delays)) <= within


def test_a_frozen_picture_is_found_in_its_first_window() -> None:
    bets = build_bets(reference(4096, 3))
    stuck = windows_of(np.full(64, 0.55))
    assert alarms(bets, stuck) == [0]


def test_every_bet_has_no_gain_on_average_over_the_reference() -> None:
    windows = reference(4096, 5)
    bets = build_bets(windows)
    expected = np.exp(bets.log_gain) @ bets.masses
    assert bool((expected <= 1.0 + 1e-9).all())


def test_merged_bins_hold_enough_and_lose_nobody() -> None:
    counts = np.random.default_rng(0).integers(0, 30, 18)
    bins = merge_bins(counts, 40)
    merged = np.bincount(bins, weights=counts)
    assert merged.sum() == counts.sum()
    assert bool((merged >= 40).all())
    assert bins.tolist() == sorted(bins.tolist())


def test_a_reference_that_cannot_tell_two_bins_apart_bets_nothing() -> None:
    assert build_bets(windows_of(np.full(320, 0.5), events=16)).log_gain.shape == (0, 1)
    alike = build_bets(
        windows_of(pool_p_values(normal_scores(192, 1, correlation=0.98)), events=16)
    )
    assert alike.log_gain.shape == (0, 1)


def test_what_other_layers_know_of_resemblance_makes_a_bet_more_careful() -> None:
    windows = reference(4096, 5)
    alone, told = build_bets(windows), build_bets(windows, DesignEffect(4.0, 8.0))
    assert told.effective_events <= alone.events / 4
    assert np.abs(told.log_gain).max() < np.abs(alone.log_gain).max() / 4
