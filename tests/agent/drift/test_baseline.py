from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import pytest

from driftgauge.agent.drift.baseline import MIN_EVENTS, learn_baseline
from driftgauge.agent.drift.promise import promised_windows
from driftgauge.agent.drift.rate import ood_rate
from driftgauge.agent.drift.segment_states import SegmentStates, SegmentWindow
from driftgauge.agent.drift.tests.catalogue import DEFAULT_TESTS, choose_tests

from .streams import normal_scores, pool_p_values, windows_of

START = datetime(2026, 3, 1, tzinfo=UTC)


def windows(n_events: int, seed: int = 1) -> np.ndarray:
    counted = windows_of(pool_p_values(normal_scores(n_events, seed)), 16)
    return np.stack([counted, counted], axis=1)


def test_a_segment_with_too_few_events_has_no_baseline() -> None:
    assert learn_baseline(windows(MIN_EVENTS - 16)) is None
    assert learn_baseline(np.zeros((0, 2, 18), dtype=np.int64)) is None
    baseline = learn_baseline(windows(160))
    assert baseline is not None
    assert baseline.events == 160


def test_the_rate_counts_the_bins_below_alpha() -> None:
    counts = np.arange(18)
    assert ood_rate(counts, 0.01) == pytest.approx(counts[:5].sum() / counts.sum())


def test_a_larger_budget_is_promised_only_with_more_reference() -> None:
    short, long = learn_baseline(windows(320)), learn_baseline(windows(8192))
    assert short is not None
    assert long is not None
    assert short.effective_windows < promised_windows(math.log(1000)) < long.effective_windows
    assert not short.keeps(math.log(1000))
    assert long.keeps(math.log(1000))
    assert long.keeps(long.promised_log_budget)
    assert not long.keeps(long.promised_log_budget + 0.1)
    assert long.promised_log_budget > math.log(10_000)


def test_a_reference_too_alike_to_test_is_watched_for_gross_changes_and_promises_nothing() -> None:
    counted = windows_of(pool_p_values(normal_scores(192, 1, correlation=0.98)), 16)
    alike = np.stack([counted, counted], axis=1)
    provisional = learn_baseline(alike)
    assert provisional is not None
    assert (provisional.is_provisional, list(provisional.tests)) == (True, ["coarse", "gross"])
    assert not provisional.keeps(0.0)


def test_the_share_of_tests_that_a_segment_lacks_goes_to_no_other() -> None:
    counted = windows_of(pool_p_values(normal_scores(192, 1, correlation=0.98)), 16)
    provisional = learn_baseline(np.stack([counted, counted], axis=1))
    assert provisional is not None
    window = [SegmentWindow(segment="a", counts=np.stack([counted[0], counted[0]]), start=START)]
    found = []
    for tests in (DEFAULT_TESTS, choose_tests(["coarse"])):
        states = SegmentStates(tests)
        states.enter("a", provisional)
        found.append(states.judge(window)["a"]["betting"])
    assert found[0] == pytest.approx(found[1] - math.log(2)), "half of the statistic"


def test_a_layer_is_bet_on_as_carefully_as_the_typical_one() -> None:
    calm = windows_of(pool_p_values(normal_scores(4096, 1)), 16)
    alike = windows_of(pool_p_values(normal_scores(4096, 2, correlation=0.9)), 16)
    baseline = learn_baseline(np.stack([calm, alike, alike], axis=1))
    assert baseline is not None
    assert baseline.design_effects[0] == pytest.approx(baseline.design_effects[1], rel=0.1)
    assert baseline.design_effects[0] > 5
