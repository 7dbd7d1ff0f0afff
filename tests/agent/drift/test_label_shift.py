from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from driftgauge.agent.drift.baseline import Baseline, learn_baseline
from driftgauge.agent.drift.label_columns import named_slots, with_labels, with_predictions
from driftgauge.agent.drift.segment_states import SegmentStates, SegmentWindow
from driftgauge.agent.drift.tests.catalogue import choose_tests
from driftgauge.storage import N_BINS

from .label_streams import MIX, SURE, label_windows, with_scores
from .many_runs import alarms
from .one_segment import OneSegment

TESTS = choose_tests(["label_shift"])
A, QUIET = 200.0, 1000
RUNS = 12


def learnt(n_windows: int, seed: int, **more: float) -> Baseline:
    baseline = learn_baseline(with_scores(label_windows(n_windows, seed, **more)), TESTS)  # type: ignore[arg-type]  # a float of them
    assert baseline is not None
    return baseline


@pytest.mark.parametrize(("stays", "n_reference"), [(0.0, 24), (0.5, 48), (0.9, 150)])
def test_a_mix_that_stays_keeps_the_budget(stays: float, n_reference: int) -> None:
    baselines = {str(run): learnt(n_reference, run, stays=stays) for run in range(RUNS)}
    quiet = {
        name: with_scores(label_windows(QUIET, 100 + int(name), stays=stays)) for name in baselines
    }
    found = alarms(baselines, quiet, A, TESTS)
    assert np.mean([len(numbers) for numbers in found.values()]) <= QUIET / A


@pytest.mark.parametrize(
    ("changed", "most_windows"),
    [
        ({"mix": (0.0, 1.0, 0.0, 0.0, 0.0)}, 3),
        ({"mix": (0.2, 0.3, 0.35, 0.1, 0.05)}, 20),
        ({"sure": SURE[::-1]}, 6),
    ],
)
def test_another_mix_is_found(changed: dict[str, tuple[float, ...]], most_windows: int) -> None:
    baselines = {str(run): learnt(60, run, stays=0.3) for run in range(RUNS)}
    windows = {
        name: with_scores(label_windows(40, 100 + int(name), stays=0.3, **changed))  # type: ignore[arg-type]  # shares
        for name in baselines
    }
    found = alarms(baselines, windows, 1000.0, TESTS, only_first=True)
    assert np.median([numbers[0] if numbers else 99 for numbers in found.values()]) <= most_windows


def test_a_class_that_the_reference_lacks_is_found_among_the_others() -> None:
    windows = label_windows(40, 3, mix=(*(0.6 * np.array(MIX)), *[0.0] * 12, 0.4))
    found = alarms({"a": learnt(60, 1)}, {"a": with_scores(windows)}, 1000.0, TESTS)
    assert found["a"][0] <= 5


def test_a_reference_without_predictions_leaves_the_segment_to_the_other_tests() -> None:
    tests = choose_tests(["windows", "label_shift"])
    scores = with_scores(label_windows(40, 1))[:, 2:]
    baseline = learn_baseline(with_labels(scores, 0, 2), tests)
    assert baseline is not None
    assert set(baseline.tests) == {"windows"}
    assert baseline.design_effects[:2] == [1.0, 1.0]


def test_predictions_without_confidences_are_judged_by_their_classes_alone() -> None:
    def known(windows: np.ndarray) -> np.ndarray:
        windows = windows.copy()
        windows[:, 1] = 0
        return with_scores(windows)

    baseline = learn_baseline(known(label_windows(60, 1)), TESTS)
    assert baseline is not None
    quiet = alarms({"a": baseline}, {"a": known(label_windows(QUIET, 2))}, A, TESTS)
    assert len(quiet["a"]) <= 2 * QUIET / A
    only = known(label_windows(20, 2, mix=(0, 0, 1)))
    assert alarms({"a": baseline}, {"a": only}, A, TESTS)["a"][0] <= 3


def test_windows_without_predictions_say_nothing() -> None:
    nothing = with_scores(np.zeros((2000, 2, N_BINS), dtype=np.int64))
    assert alarms({"a": learnt(60, 1)}, {"a": nothing[:150]}, A, TESTS)["a"] == []


def test_a_test_taken_up_in_the_middle_judges_as_if_it_had_never_stopped() -> None:
    baseline = learnt(60, 1)
    windows = np.concatenate([label_windows(30, 4), label_windows(10, 5, mix=MIX[::-1])])
    whole, resumed = OneSegment(baseline, TESTS), OneSegment(baseline, TESTS)
    for number, counts in enumerate(with_scores(windows)):
        at = datetime.fromtimestamp(60 * number, UTC)
        resumed = OneSegment(baseline, TESTS, resumed.dump())
        assert resumed.add(counts, at) == whole.add(counts, at)
    assert resumed.dump() == whole.dump()
    assert len(whole.dump().evidence["label_shift"]) < 700


def test_segments_side_by_side_are_judged_as_alone() -> None:
    baselines = {f"camera={k}": learnt(30 + 20 * k, k) for k in range(4)}
    windows = {
        name: with_scores(label_windows(12, 9 + k, mix=MIX[::-1]))
        for k, name in enumerate(baselines)
    }
    together = SegmentStates(TESTS)
    for name, baseline in baselines.items():
        together.enter(name, baseline)
    alone = {name: OneSegment(baseline, TESTS) for name, baseline in baselines.items()}
    for number in range(12):
        at = datetime.fromtimestamp(60 * number, UTC)
        judged = together.judge(
            [SegmentWindow(segment=n, counts=windows[n][number], start=at) for n in windows]
        )
        assert judged == {n: alone[n].add(windows[n][number], at) for n in windows}


def test_the_parts_of_a_baseline_are_its_predictions_and_its_scores() -> None:
    baseline = learnt(60, 1)
    assert (len(baseline.labels.reference), len(baseline.scores.reference)) == (2, 1)
    assert baseline.labels.reference[0].sum() == 60 * 32
    assert len(baseline.scores.design_effects) == 1
    assert baseline.scores.scores.n_labels == baseline.scores.n_labels == 0


def test_each_bin_has_a_name() -> None:
    assert named_slots(["cat", "dog"])[:3] == ("cat", "dog", "#")
    assert named_slots([])[-1] == "(other classes)"
    assert len(named_slots([str(n) for n in range(40)])) == N_BINS


def test_a_reference_gets_the_columns_of_its_predictions_where_it_has_any() -> None:
    scores = {"*": np.ones((3, 4, N_BINS), dtype=np.int64), "a": np.ones((2, 4, N_BINS), np.int64)}
    joined = with_predictions(scores, {"*": np.full((3, 2, N_BINS), 7)})
    assert [counts.shape[1] for counts in joined.values()] == [6, 6]
    assert (joined["*"][:, :2] == 7).all()
    assert not joined["a"][:, :2].any()
    assert (with_labels(joined["*"], 2, 0) == scores["*"]).all()
