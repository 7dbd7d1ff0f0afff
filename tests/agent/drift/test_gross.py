from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from driftgauge.agent.drift.baseline import Baseline, learn_baseline
from driftgauge.agent.drift.known_windows import KnownWindows
from driftgauge.agent.drift.tests.catalogue import DEFAULT_TESTS, choose_tests
from driftgauge.agent.drift.unpromised import with_unpromised
from driftgauge.agent.errors import SettingsError

from .many_runs import alarms
from .one_segment import OneSegment
from .streams import normal_scores, pool_p_values, windows_of
from .test_segment_states import moment

EVENTS = 16
NEVER = 1e300
"""A budget that other tests never exhaust: what is told is a gross change."""
Counts = NDArray[np.int64]


def stream(n_windows: int, seed: int, *, off: float = 0.0, correlation: float = 0.0) -> Counts:
    scores = normal_scores(EVENTS * n_windows, seed, correlation=correlation, shift=off)
    return windows_of(pool_p_values(scores), EVENTS)[:, None]


def learnt(reference: Counts | KnownWindows) -> Baseline:
    baseline = learn_baseline(reference)
    assert baseline is not None
    return baseline


def told(baseline: Baseline, *parts: Counts) -> list[int]:
    return alarms({"a": baseline}, {"a": np.concatenate(parts)}, NEVER)["a"]


def test_the_fourth_window_in_a_row_far_beyond_the_reference_is_told() -> None:
    baseline = learnt(stream(30, 1))
    quiet, far = stream(5, 2), stream(5, 3, off=3.0)
    assert told(baseline, quiet, far) == [9]
    assert told(baseline, quiet, far[:3], quiet[:1], far[:3]) == []


def test_a_change_that_makes_no_image_rare_is_told_by_its_mean() -> None:
    unusual = np.zeros((4, 1, 18), dtype=np.int64)
    unusual[:, :, 6] = EVENTS  # p between 0.01 and 0.02: none is out of distribution
    assert told(learnt(stream(30, 1)), unusual) == [4]


def test_a_night_of_which_half_is_unusual_is_told_though_the_day_before_promises_nothing() -> None:
    """From 43 to 81 % of images where 2.6 % is normal."""
    day, night = mixed(20, 1, rates=[0.026] * 20), mixed(5, 2, rates=[0.43, 0.6, 0.81, 0.7, 0.5])
    assert told(learnt(day), day[:3], night) == [7]


def mixed(n_windows: int, seed: int, *, rates: Sequence[float]) -> Counts:
    """Return windows of which so large a share of the images is unusual."""
    rng = np.random.default_rng(seed)
    p_values = rng.uniform(0.01, 1.0, (n_windows, EVENTS))
    p_values[rng.random(p_values.shape) < np.array(rates)[:, None]] = 0.002
    return windows_of(p_values.ravel(), EVENTS)[:, None]


def test_what_one_window_of_the_reference_shows_is_not_told() -> None:
    far, quiet = stream(4, 2, off=2.5), [stream(20, 1), stream(20, 3)]
    strangest = far[[far[:, 0, :6].sum(axis=-1).argmax()]]
    assert told(learnt(np.concatenate(quiet)), far) == [4]
    assert told(learnt(np.concatenate([quiet[0], strangest, quiet[1]])), far) == []


def test_the_less_a_reference_is_worth_the_more_has_to_be_unusual() -> None:
    needed = []
    for n_windows in (10, 16, 60):
        baseline = learnt(stream(n_windows, 1))
        needed.append(float(baseline.tests["gross"]["least_rate"][0]))
    assert needed[0] > needed[1] > needed[2] == 0.1


def test_a_change_must_be_gross_under_every_component() -> None:
    one, other = stream(30, 1), stream(30, 2, off=3.0)
    both = KnownWindows.of(one).with_accepted(other)
    assert told(learnt(one), stream(6, 3, off=3.0)) == [4]
    assert told(learnt(both), stream(6, 3, off=3.0)) == []


def test_windows_of_few_images_are_joined_until_a_rate_means_something() -> None:
    baseline = learnt(stream(30, 1))
    far = np.zeros((16, 1, 18), dtype=np.int64)
    far[:, :, 0] = EVENTS // 4
    assert told(baseline, far) == [16]


def test_it_is_not_heard_where_the_budget_is_promised() -> None:
    far, log_thresholds = stream(4, 2, off=4.0), {"betting": math.log(1000.0)}
    for n_windows, expected in ((20, math.inf), (200, 0.0)):
        baseline = learnt(stream(n_windows, 1))
        one = OneSegment(baseline)
        statistics = [one.add(counts, moment(n)) for n, counts in enumerate(far)][-1]
        assert statistics["gross"] == math.inf
        found = with_unpromised(statistics, DEFAULT_TESTS, baseline, log_thresholds)
        assert found == {"betting": expected or statistics["betting"]}


def test_quiet_windows_leave_its_evidence_as_it_was_so_that_nothing_is_written() -> None:
    one = OneSegment(learnt(stream(30, 1)))
    kept = []
    for number, counts in enumerate(stream(5, 2)):
        one.add(counts, moment(number))
        kept.append(one.dump().evidence["gross"])
    assert len(set(kept)) == 1


@pytest.mark.parametrize("names", [["gross"], ["gross", "ood_rate"]])
def test_it_watches_only_beside_tests_with_a_promise(names: Sequence[str]) -> None:
    with pytest.raises(
        SettingsError, match=r"'gross' watches only beside others.*windows, betting"
    ):
        choose_tests(names)


def test_quiet_streams_seldom_show_it() -> None:
    """No rate is promised; docs/benchmarks.md has what was measured."""
    for correlation, most in ((0.0, 1), (0.8, 10)):
        baselines = {str(n): learnt(stream(40, n, correlation=correlation)) for n in range(20)}
        quiet = {n: stream(500, 100 + int(n), correlation=correlation) for n in baselines}
        assert sum(len(found) for found in alarms(baselines, quiet, NEVER).values()) <= most
