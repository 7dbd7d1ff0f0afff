from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import pytest

from driftgauge.agent.drift.baseline import (
    MIN_EVENTS,
    PROMISED_WINDOWS,
    learn_baseline,
    promise_warning,
)
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


def test_a_small_reference_promises_nothing_and_says_how_much_it_lacks() -> None:
    short, long = windows(160), windows(8192)
    said = promise_warning({"camera=1": short, "camera=2": long})
    assert said is not None
    assert "camera=1" in said
    assert "camera=2" not in said
    assert f"fewer than {PROMISED_WINDOWS} independent windows in camera=1 (" in said
    assert "times as long would be enough" in said
    assert "learns its baseline from traffic" not in said
    assert promise_warning({"camera=2": long}) is None


def test_a_reference_too_alike_to_test_is_watched_for_gross_changes_learnt_on_and_said_so() -> None:
    counted = windows_of(pool_p_values(normal_scores(192, 1, correlation=0.98)), 16)
    alike = np.stack([counted, counted], axis=1)
    provisional = learn_baseline(alike)
    assert provisional is not None
    assert (provisional.is_provisional, list(provisional.tests)) == (True, ["coarse"])
    short = {"camera=1": alike, "camera=2": alike[:7]}
    said = promise_warning(short)
    assert said is not None
    assert "in camera=1 only gross changes are tested until enough traffic is learnt" in said
    assert "camera=2 has too few for a test, and learns its baseline from traffic first" in said


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
    assert found[0] == pytest.approx(found[1] - math.log(3))


def test_a_layer_is_bet_on_as_carefully_as_the_typical_one() -> None:
    calm = windows_of(pool_p_values(normal_scores(4096, 1)), 16)
    alike = windows_of(pool_p_values(normal_scores(4096, 2, correlation=0.9)), 16)
    baseline = learn_baseline(np.stack([calm, alike, alike], axis=1))
    assert baseline is not None
    assert baseline.design_effects[0] == pytest.approx(baseline.design_effects[1], rel=0.1)
    assert baseline.design_effects[0] > 5
