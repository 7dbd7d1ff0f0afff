from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from driftgauge.agent.drift.baseline import Baseline, learn_baseline
from driftgauge.agent.drift.drift_test import DriftTest
from driftgauge.agent.drift.log_evidence import advance, log_mean
from driftgauge.agent.drift.reference_windows import ReferenceWindows
from driftgauge.agent.drift.segment_states import SegmentStates, SegmentWindow
from driftgauge.agent.drift.tests.catalogue import DEFAULT_TESTS, TESTS, choose_tests
from driftgauge.agent.errors import SettingsError

from .one_segment import OneSegment
from .streams import normal_scores, pool_p_values, windows_of

Counts = NDArray[np.int64]
SCORE_TESTS = [test for test in TESTS if not test.reads_labels]
NAMES = [test.name for test in SCORE_TESTS]


def columns(n_windows: int, seed: int, shift: float = 0.0) -> Counts:
    chains = [normal_scores(64 * n_windows, 10 * seed + k, shift=shift) for k in range(3)]
    return np.stack([windows_of(pool_p_values(scores)) for scores in chains], axis=1)


def four_columns(n_windows: int, seed: int) -> Counts:
    three = columns(n_windows, seed)
    return np.concatenate([three, three[:, :1]], axis=1)


def only(name: str) -> list[DriftTest]:
    return [test for test in SCORE_TESTS if test.name == name]


def learnt(*names: str) -> Baseline:
    tests = [test for test in SCORE_TESTS if test.name in (names or NAMES)]
    baseline = learn_baseline(columns(128, 1), tests)
    assert baseline is not None
    return baseline


def moment(number: int) -> datetime:
    return datetime.fromtimestamp(60 * number, UTC)


def test_the_default_statistic_is_the_mean_of_three_tests_in_which_that_of_gross_changes_has_half() -> (
    None
):
    names = [test.name for test in DEFAULT_TESTS]
    baseline = learnt(*names)
    both = OneSegment(baseline)
    alone = {name: OneSegment(baseline, choose_tests([name])) for name in names[:3]}
    for number, counts in enumerate(columns(30, 2, shift=0.1)):
        parts = {
            name: state.add(counts, moment(number))["betting"] for name, state in alone.items()
        }
        expected = log_mean([*parts.values(), parts["coarse"]])
        found = both.add(counts, moment(number))
        assert found == {"betting": pytest.approx(expected, abs=1e-12), "gross": -np.inf}


def test_bets_on_events_follow_shiryaev_and_roberts_in_every_column() -> None:
    baseline = learnt("betting")
    bets = ReferenceWindows(columns(128, 1)).bets
    state = OneSegment(baseline, choose_tests(["betting"]))
    evidence = [np.full(len(column.log_gain), -np.inf) for column in bets]
    for number, counts in enumerate(columns(10, 3)):
        evidence = [
            advance(before, column.log_evidence(counts[k])).astype(np.float32)
            for k, (before, column) in enumerate(zip(evidence, bets, strict=True))
        ]
        expected = log_mean([log_mean(column.astype(float)) for column in evidence])
        assert state.add(counts, moment(number))["betting"] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_test_taken_up_in_the_middle_judges_as_if_it_had_never_stopped(name: str) -> None:
    tests, baseline = only(name), learnt(name)
    windows = np.concatenate([columns(560, 4), columns(20, 5, shift=1.5)])
    whole, resumed = OneSegment(baseline, tests), OneSegment(baseline, tests)
    expected = [whole.add(counts, moment(number)) for number, counts in enumerate(windows)]
    for number, counts in enumerate(windows):
        if number % 40 == 0 or number > 570:
            resumed = OneSegment(baseline, tests, resumed.dump())
        assert resumed.add(counts, moment(number)) == expected[number]
    assert resumed.dump() == whole.dump()


@pytest.mark.parametrize("name", NAMES)
def test_every_test_finds_a_gross_change_and_says_when_it_was(name: str) -> None:
    tests, baseline = only(name), learnt(name)
    ((alert, of_test),) = ((test.alert, test.statistic) for test in tests)
    state = OneSegment(baseline, tests)
    statistics = [
        state.add(counts, moment(number))[of_test]
        for number, counts in enumerate(np.concatenate([columns(40, 6), columns(50, 7, shift=3.0)]))
    ]
    assert max(statistics[:40]) < np.log(1000)
    found = next(k for k, statistic in enumerate(statistics) if statistic >= np.log(1000))
    assert 40 <= found < 90
    assert state.since(alert) >= moment(38)
    state.restart(alert)
    assert state.add(columns(1, 8)[0], moment(100))[of_test] < np.log(1000)


def test_each_alert_has_its_own_tests_and_only_those_that_share_one_are_averaged() -> None:
    state = OneSegment(learnt(), SCORE_TESTS)
    assert set(state.add(columns(1, 9)[0], moment(1))) == {test.statistic for test in SCORE_TESTS}
    assert list(state.dump().evidence) == NAMES


def test_evidence_of_another_baseline_starts_anew_and_other_tests_keep_theirs() -> None:
    three, four = (learn_baseline(of(128, 1), SCORE_TESTS) for of in (columns, four_columns))
    assert three is not None
    assert four is not None
    state = OneSegment(four, SCORE_TESTS)
    for number, counts in enumerate(four_columns(3, 2)):
        state.add(counts, moment(number))
    kept, fresh = state.dump(), OneSegment(three, SCORE_TESTS).dump()
    resumed = OneSegment(three, SCORE_TESTS, kept).dump()
    assert resumed.evidence["windows"] == fresh.evidence["windows"]
    assert resumed.evidence["adwin"] == kept.evidence["adwin"]


def test_segments_judged_side_by_side_get_the_same_bits_as_one_at_a_time() -> None:
    """Seven unlike segments, some of whose windows are missing, late, or under an alert."""
    baselines = {
        f"camera={k}": learn_baseline(columns(40 + 30 * k, k), SCORE_TESTS) for k in range(7)
    }
    together = SegmentStates(SCORE_TESTS)
    alone = {}
    for name, baseline in baselines.items():
        assert baseline is not None
        together.enter(name, baseline)
        alone[name] = SegmentStates(SCORE_TESTS)
        alone[name].enter(name, baseline)
    rng = np.random.default_rng(1)
    live = {name: columns(60, 100 + k, shift=0.1 * k) for k, name in enumerate(baselines)}
    for number in range(60):
        windows = [
            SegmentWindow(
                segment=name,
                counts=counts[number],
                start=moment(number),
                live=("betting",) if rng.random() < 0.2 else (),
                weight=int(rng.random() < 0.8),
                seed=number,
            )
            for name, counts in live.items()
            if rng.random() < 0.8
        ]
        found = together.judge(windows)
        for window in windows:
            assert alone[window.segment].judge([window]) == {window.segment: found[window.segment]}
        if number % 20 == 10:
            together.restart("camera=3", "betting")
            alone["camera=3"].restart("camera=3", "betting")
    for name in baselines:
        assert alone[name].dump(name) == together.dump(name)


def test_a_test_that_is_not_in_the_table_is_refused_with_those_that_are() -> None:
    with pytest.raises(
        SettingsError, match=r"wanted one or more of windows, betting, coarse, .*ood_rate"
    ):
        choose_tests(["betting", "cusum"])
    with pytest.raises(SettingsError, match="tests = \\[\\]: wanted one or more"):
        choose_tests([])


@pytest.mark.parametrize(("correlation", "late_share"), [(0.0, 1.0), (0.5, 0.5), (0.9, 0.5)])
def test_the_budget_holds_though_counts_come_late_in_many_small_lots(
    correlation: float, late_share: float
) -> None:
    """Three quiet runs of 1,000 windows, six lots each; three alarms are the expectation at most."""
    total = 0
    for seed in range(3):
        baseline = learn_baseline(correlated(128, seed, correlation))
        assert baseline is not None
        state, lots = OneSegment(baseline), correlated(6000, 50 + seed, correlation, 11)
        rng = np.random.default_rng(seed)
        for number, counts in enumerate(lots):
            at = moment(0) + number * timedelta(seconds=10)
            is_late = number % 6 != 5 or rng.random() < late_share
            if is_late and rng.random() > late_share:
                continue
            weight = state.weigh(at, timedelta(minutes=1), is_late=is_late)
            statistic = state.add(counts, at, weight=weight, seed=number)["betting"]
            if statistic >= np.log(1000):
                total += 1
                state.restart("betting")
    assert total <= 6


def correlated(n_windows: int, seed: int, correlation: float, events: int = 64) -> Counts:
    scores = normal_scores(events * n_windows, seed, correlation=correlation, shift=0.5)
    return windows_of(pool_p_values(scores), events)[:, None]


def test_late_counts_have_no_weight_but_a_windows_own_time() -> None:
    state, minute = OneSegment(learnt("betting")), timedelta(minutes=1)
    half = minute / 2
    weights = [state.weigh(moment(1), minute, is_late=False)]
    weights += [state.weigh(moment(1) + k * half, minute, is_late=True) for k in (0, 1, 2, 3)]
    assert weights == [1, 0, 0, 1, 0]
    assert state.weigh(moment(3), minute, is_late=False) == 0  # its weight was used up ahead
    assert state.weigh(moment(3), minute, is_late=False) == 1  # catching up


def test_all_that_came_late_is_the_same_evidence_as_if_it_had_been_in_time() -> None:
    baseline = learnt("betting")
    whole, parts = (OneSegment(baseline, choose_tests(["betting"])) for _ in range(2))
    for number, counts in enumerate(columns(20, 4, shift=0.2)):
        first = counts // 2
        expected = whole.add(counts, moment(number))["betting"]
        parts.add(first, moment(number))
        found = parts.add(counts - first, moment(number), weight=0)["betting"]
        assert found == pytest.approx(expected, abs=1e-4)
