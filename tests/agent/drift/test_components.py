from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from driftgauge.agent.drift.baseline import Baseline, learn_baseline
from driftgauge.agent.drift.components import MOST_COMPONENTS, find_components
from driftgauge.agent.drift.known_windows import KnownWindows
from driftgauge.agent.drift.power import measure_power

from .many_runs import alarms
from .streams import normal_scores, pool_p_values, windows_of

Counts = NDArray[np.int64]
A = 1000.0
EVENTS, COLUMNS = 32, 3
NIGHT = 2.0
"""By how many deviations the scores of the night are higher."""


def stream(n: int, seed: int, *, shift: float = 0.0, hit: float = 0.0, rho: float = 0.0) -> Counts:
    """Return windows; a share of *hit* of the images is three deviations off."""
    off = 3.0 * (np.random.default_rng(seed).random(n * EVENTS) < hit)
    scores = [
        normal_scores(n * EVENTS, 10 * seed + column, correlation=rho, shift=shift) + off
        for column in range(COLUMNS)
    ]
    return np.stack([windows_of(pool_p_values(each), EVENTS) for each in scores], axis=1)


def frozen(n: int, seed: int) -> Counts:
    """Return windows of one picture."""
    values = np.random.default_rng(seed).standard_normal(COLUMNS)
    columns = [windows_of(pool_p_values(np.full(n * EVENTS, value)), EVENTS) for value in values]
    return np.stack(columns, axis=1)


def days(n_days: int, seed: int, *, rho: float = 0.0, half: int = 20) -> Counts:
    """Return days and nights of *half* windows each."""
    spans = [stream(half, seed + 7 * n, shift=NIGHT * (n % 2), rho=rho) for n in range(2 * n_days)]
    return np.concatenate(spans)


def test_day_and_night_are_two_components_found_from_the_windows_alone() -> None:
    found = find_components(days(2, 1))
    assert found.tolist() == ([0] * 20 + [1] * 20) * 2


@pytest.mark.parametrize(
    ("correlation", "events", "n_windows"),
    [(0.0, 64, 32), (0.5, 64, 128), (0.9, 64, 32), (0.97, 64, 128), (0.97, 16, 80), (0.9, 16, 20)],
)
def test_a_stream_of_one_state_is_not_split(
    correlation: float, events: int, n_windows: int
) -> None:
    for seed in range(20):
        scores = normal_scores(n_windows * events, seed, correlation=correlation, shift=0.5)
        assert not find_components(windows_of(pool_p_values(scores), events)[:, None]).any()


def test_a_change_that_came_to_stay_and_outliers_are_no_components() -> None:
    changed = np.concatenate([stream(40, 1), stream(40, 2, shift=NIGHT)])
    assert not find_components(changed).any()
    single = stream(80, 3)
    single[::10] = stream(8, 4, shift=NIGHT)
    assert not find_components(single).any()
    assert not find_components(np.zeros((9, 2, 18), dtype=np.int64)).any()


def accepted(seed: int, n_seen: int = 24) -> Baseline:
    """Return the baseline after a person called a change normal."""
    known = KnownWindows.of(stream(60, seed)).with_accepted(stream(n_seen, seed + 50, shift=NIGHT))
    baseline = learn_baseline(known)
    assert baseline is not None
    return baseline


def median_delay(baselines: dict[str, Baseline], live: dict[str, Counts]) -> float:
    found = alarms(baselines, live, A, only_first=True)
    return float(np.median([first[0] if first else 61 for first in found.values()]))


def test_after_an_accept_a_third_state_is_told_as_soon_as_before_nearly() -> None:
    """As one mixture of both states, thirty in a hundred unusual images were never told."""
    baselines = {str(seed): accepted(seed) for seed in range(5)}
    assert median_delay(baselines, {n: frozen(60, int(n)) for n in baselines}) <= 3
    assert median_delay(baselines, {n: stream(60, int(n) + 90, hit=0.3) for n in baselines}) <= 12
    assert median_delay(baselines, {n: stream(60, int(n) + 90, shift=4.0) for n in baselines}) <= 3


def test_what_moves_between_accepted_states_raises_nothing() -> None:
    """Five runs of 400 windows: two false alarms are the expectation at most."""
    baselines = {str(seed): accepted(seed) for seed in range(5)}
    live = {name: days(10, 200 + 31 * int(name)) for name in baselines}
    assert sum(len(found) for found in alarms(baselines, live, A).values()) <= 2


def test_too_few_accepted_windows_join_the_nearest_component() -> None:
    known = KnownWindows.of(stream(60, 1)).with_accepted(stream(3, 2, shift=NIGHT))
    assert known.component_of.max() == 0
    assert len(known.windows) >= 120
    assert known.n_grown == 0


def test_the_two_most_alike_are_joined_where_there_would_be_too_many() -> None:
    known = KnownWindows.of(stream(60, 1))
    for n, shift in enumerate((1.0, 2.0, 3.0, 3.2)):
        known = known.with_accepted(stream(24, 10 + n, shift=shift))
    sizes = np.bincount(known.component_of).tolist()
    assert len(sizes) == MOST_COMPONENTS
    assert sorted(sizes) == [24, 24, 48, 60]


def test_packed_windows_come_back_as_they_were() -> None:
    known = KnownWindows.of(days(2, 1)).with_accepted(stream(24, 5, shift=4.0))
    known = known.with_grown(1, stream(6, 6))
    again = KnownWindows.unpacked(known.packed())
    assert (again.windows == known.windows).all()
    assert (again.component_of == known.component_of).all()
    assert again.is_grown.tolist() == known.is_grown.tolist()
    assert len(again.anchor(1)) == 40


def test_the_power_of_several_components_is_that_of_the_slowest() -> None:
    both, alone = accepted(1), learn_baseline(stream(60, 1))
    assert alone is not None
    found = measure_power({"both": both, "alone": alone}, np.log(A))
    assert found["alone"].tenth is not None
    assert found["both"].tenth is None, "with 24 windows of the second, 10 % would take longer"
    assert found["both"].total_failure is not None
