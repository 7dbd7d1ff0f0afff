from __future__ import annotations

import numpy as np
import pytest

from driftgauge.agent.drift.design_effect import (
    CONFIDENCE,
    INDEPENDENT,
    DesignEffect,
    DesignEffects,
    measure_design_effects,
)

from .streams import normal_scores

EVENTS = 16
MASSES = np.array([0.5, 0.5])
GAIN = np.array([[1.0, -1.0]])


def measured(
    n: int, seed: int, *, correlation: float = 0.0, least: DesignEffect = INDEPENDENT
) -> DesignEffects:
    above = normal_scores(n, seed, correlation=correlation) > 0
    windows = above[: n // EVENTS * EVENTS].reshape(-1, EVENTS).sum(axis=1).astype(float)
    counts = np.stack([windows, EVENTS - windows], axis=1)
    return measure_design_effects(counts, MASSES, GAIN, least)


def test_independent_events_have_an_effect_near_one() -> None:
    effects = measured(16 * 1024, 1)
    assert effects.typical.estimate < 1.3
    assert effects.typical.bound < 2.2


def test_correlated_signs_have_the_effect_that_theory_gives() -> None:
    """Signs of an AR(1) chain correlate by 2/pi asin(rho^k); the effect is 1 + 2 sum of it."""
    theory = 1 + 2 * sum(2 / np.pi * np.arcsin(0.9**k) for k in range(1, 200))
    estimates = [measured(16 * 1024, seed, correlation=0.9).typical.estimate for seed in range(8)]
    assert np.median(estimates) == pytest.approx(theory, rel=0.25)


def test_the_bound_covers_the_true_effect_about_as_often_as_it_says() -> None:
    theory = 1 + 2 * sum(2 / np.pi * np.arcsin(0.8**k) for k in range(1, 200))
    bounds = [measured(16 * 32, seed, correlation=0.8).typical.bound for seed in range(200)]
    estimates = [measured(16 * 32, seed, correlation=0.8).typical.estimate for seed in range(200)]
    assert np.mean(np.array(bounds) >= theory) >= CONFIDENCE - 0.05
    assert np.mean(np.array(estimates) >= theory) < CONFIDENCE - 0.2


def test_too_few_windows_to_measure_count_as_one_event_each() -> None:
    effects = measured(16 * 6, 1)
    assert effects.typical == DesignEffect(EVENTS, EVENTS)


def test_what_is_known_from_elsewhere_is_the_least() -> None:
    effects = measured(16 * 1024, 1, least=DesignEffect(3.0, 5.0))
    assert effects.typical == DesignEffect(3.0, 5.0)
