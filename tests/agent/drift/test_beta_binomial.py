from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import betabinom

from driftgauge.agent.drift.beta_binomial import (
    MEANS,
    correlations_for,
    expected_ratios,
    largest_means,
    log_likelihoods,
    nearest_mixture,
    probabilities,
    shapes_of_beta,
)


def test_probabilities_are_those_of_the_beta_binomial_and_sum_to_one() -> None:
    a, b = shapes_of_beta(np.array([0.02, 0.4]), np.array([0.01, 0.5]))
    found = probabilities(40, a, b)
    for row, of_a, of_b in zip(found, a, b, strict=True):
        np.testing.assert_allclose(row, betabinom(40, of_a, of_b).pmf(np.arange(41)), rtol=1e-9)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)


def test_the_likelihood_is_that_of_the_windows_whatever_their_sizes() -> None:
    """Up to what depends on neither mean nor correlation."""
    rng = np.random.default_rng(0)
    n = rng.integers(5, 40, 30)
    k = rng.binomial(n, 0.2)
    correlations = correlations_for(20)
    found = log_likelihoods(k[:, None], n, correlations)[0]
    a, b = shapes_of_beta(MEANS[:, None], correlations)
    expected = sum(betabinom(m, a, b).logpmf(c) for c, m in zip(k, n, strict=True))
    np.testing.assert_allclose(found - found[0, 0], expected - expected[0, 0], atol=1e-6)


def test_the_largest_mean_allowed_falls_with_more_reference() -> None:
    rng = np.random.default_rng(1)
    tops = []
    for n_windows in (10, 100, 1000):
        k = rng.binomial(64, 0.05, n_windows)[:, None]
        likelihood = log_likelihoods(k, np.full(n_windows, 64), correlations_for(64))
        top, is_any = largest_means(likelihood, np.array([2.0]))
        tops.append(float(np.where(is_any, MEANS[top], 0.0).max()))
    assert tops[0] >= tops[1] >= tops[2] > 0.05
    assert tops[0] > tops[2]


def test_a_ratio_to_the_nearest_mixture_gains_nothing_on_average_whatever_is_normal() -> None:
    a, b = shapes_of_beta(np.array([0.05, 0.03, 0.02]), np.array([0.02, 0.1, 0.3]))
    nulls = probabilities(32, a, b)[None]
    other = probabilities(32, *shapes_of_beta(np.array([0.3]), np.array([0.1])))
    weights = nearest_mixture(other, nulls, np.ones((1, 3), dtype=bool))
    assert weights.sum() == pytest.approx(1.0)
    assert expected_ratios(other, nulls, weights).max() <= 1.01
    alone = expected_ratios(other, nulls, np.array([[1.0, 0.0, 0.0]]))
    assert alone.max() > 2.0  # what one null alone would promise too much
