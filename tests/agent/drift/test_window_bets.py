from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from driftgauge.agent.drift.baseline import learn_baseline
from driftgauge.agent.drift.likeness import variance_inflation
from driftgauge.agent.drift.reference_windows import ReferenceWindows
from driftgauge.agent.drift.tests.catalogue import DEFAULT_TESTS, choose_tests
from driftgauge.agent.drift.window_counts import window_counts
from driftgauge.agent.drift.window_model import region_cuts

from .many_runs import alarms
from .streams import normal_scores, pool_p_values, windows_of

A = 1000.0
Counts = NDArray[np.int64]
WINDOWS = choose_tests(["windows"])


def stream(
    n_windows: int, seed: int, correlation: float, *, events: int = 16, changed: float = 0.0
) -> Counts:
    """Return windows of a camera half a deviation off the pool, *changed* of its images unusual."""
    scores = normal_scores(events * n_windows, seed, correlation=correlation, shift=0.5)
    scores[np.random.default_rng(seed).random(len(scores)) < changed] += 3.0
    return windows_of(pool_p_values(scores), events)[:, None]


def references(n_windows: int, correlation: float, runs: int) -> dict[str, Counts]:
    return {str(run): stream(n_windows, run, correlation) for run in range(runs)}


def quiet_alarms(n_windows: int, correlation: float, runs: int, live: int) -> int:
    baselines = {n: learn_baseline(w) for n, w in references(n_windows, correlation, runs).items()}
    quiet = {name: stream(live, 100 + int(name), correlation) for name in baselines}
    return sum(len(found) for found in alarms(baselines, quiet, A).values())


@pytest.mark.parametrize(
    ("correlation", "n_windows"), [(0.0, 40), (0.5, 40), (0.9, 80), (0.97, 80)]
)
def test_the_budget_holds_on_video_with_a_small_reference(
    correlation: float, n_windows: int
) -> None:
    """Eight quiet runs of 500 windows: four alarms are the expectation at most."""
    assert quiet_alarms(n_windows, correlation, runs=8, live=500) <= 6


@pytest.mark.parametrize(
    ("correlation", "n_windows", "changed", "within"),
    [(0.0, 80, 0.3, 5), (0.5, 40, 1.0, 3), (0.9, 80, 1.0, 8), (0.9, 80, 0.3, 35)],
)
def test_a_change_is_found_although_neighbouring_frames_resemble_each_other(
    correlation: float, n_windows: int, changed: float, within: int
) -> None:
    baselines = {n: learn_baseline(w) for n, w in references(n_windows, correlation, 9).items()}
    live = {n: stream(60, 200 + int(n), correlation, changed=changed) for n in baselines}
    found = alarms(baselines, live, A, only_first=True)
    delays = [first[0] if first else 61 for first in found.values()]
    assert float(np.median(delays)) <= within


def test_windows_that_resemble_their_neighbours_prove_less() -> None:
    calm, alike = (variance_inflation(stream(200, 1, rho))[0] for rho in (0.0, 0.97))
    assert 1.0 <= calm < 1.5
    assert alike > 3.0
    few = variance_inflation(stream(10, 1, 0.0))[0]
    assert few > calm  # a short reference may hide it


def test_a_column_is_taken_to_be_no_less_correlated_than_the_median_one() -> None:
    calm, alike = stream(100, 1, 0.0), stream(100, 2, 0.97)
    found = variance_inflation(np.concatenate([calm, alike, alike], axis=1))
    assert found[0] == found[1]


def test_a_window_of_another_size_is_judged_by_its_shares() -> None:
    k, n = window_counts(100 * stream(1, 3, 0.0)[0, 0], 32)
    whole, events = window_counts(stream(1, 3, 0.0)[0, 0])
    assert (int(n), int(events)) == (32, 16)
    np.testing.assert_array_equal(k, 2 * whole)


def test_what_few_windows_show_may_be_more_common_than_it_seems() -> None:
    k = np.zeros((100, 3), dtype=np.int64)
    k[:3, 0] = k[:50, 1] = 2
    k[:, 2] = 16
    n = np.full(100, 16)
    rare, common, always = region_cuts(k, n, 1.0, 2.0)
    assert rare > 2 * common
    assert always > rare
    assert region_cuts(k, n, 3.0, 2.0)[1] > 3.0 * common


def test_an_empty_window_is_no_evidence() -> None:
    baseline = learn_baseline(stream(60, 1, 0.0), WINDOWS)
    nothing = np.zeros((400, 1, 18), dtype=np.int64)
    assert alarms({"a": baseline}, {"a": nothing}, 410.0, WINDOWS) == {"a": []}


@pytest.mark.parametrize("events", [4, 64])
def test_the_budget_holds_where_windows_are_smaller_or_larger_than_the_references(
    events: int,
) -> None:
    baselines = {n: learn_baseline(w) for n, w in references(60, 0.0, 6).items()}
    live = {n: stream(500, 300 + int(n), 0.0, events=events) for n in baselines}
    assert sum(len(found) for found in alarms(baselines, live, A).values()) <= 5


def test_too_few_windows_are_learnt_on_and_more_reference_is_worth_more() -> None:
    assert learn_baseline(stream(7, 1, 0.0)) is None
    assert learn_baseline(stream(12, 1, 0.0)) is not None
    worth = [ReferenceWindows(stream(n, 1, 0.5)).effective_windows for n in (20, 80, 320)]
    assert worth == sorted(worth)


def test_a_picture_that_is_too_usual_or_frozen_is_found() -> None:
    baseline = learn_baseline(stream(80, 1, 0.5))
    too_usual = windows_of(np.random.default_rng(1).uniform(0.85, 1.0, 16 * 40), 16)[:, None]
    frozen = windows_of(np.full(16 * 40, 0.55), 16)[:, None]
    found = alarms({"a": baseline, "b": baseline}, {"a": too_usual, "b": frozen}, A, DEFAULT_TESTS)
    assert all(first[0] <= 4 for first in found.values())
