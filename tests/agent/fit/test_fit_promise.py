from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from driftgauge.agent.drift.baseline import learn_baselines
from driftgauge.agent.drift.monitor_settings import MonitorSettings
from driftgauge.agent.fit.fit_promise import promise_warning

from ..drift.streams import normal_scores, pool_p_values, windows_of

Counts = np.ndarray


def windows(n_events: int, correlation: float = 0.0) -> Counts:
    scores = normal_scores(n_events, 1, correlation=correlation)
    counted = windows_of(pool_p_values(scores), 16)
    return np.stack([counted, counted], axis=1)


def warned(reference: Mapping[str, Counts], budget: float = 1000.0) -> str | None:
    judging = MonitorSettings(
        stream="s", window_seconds=60, windows_between_false_alarms=budget / len(reference)
    )
    return promise_warning(reference, learn_baselines(reference), judging)


def test_a_small_reference_promises_nothing_and_says_how_much_it_lacks() -> None:
    short, long = windows(160), windows(8192)
    said = warned({"camera=1": short, "camera=2": long})
    assert said is not None
    assert "worth fewer than 24 independent windows in camera=1 (" in said
    assert "camera=2" not in said
    assert "times as long would be enough" in said
    assert "learns its baseline from traffic" not in said
    assert warned({"camera=2": long}) is None


def test_a_budget_that_one_reference_keeps_may_be_too_large_for_it_with_many_cameras() -> None:
    reference = {"camera=1": windows(1280)}
    assert warned(reference, 1000.0) is None
    said = warned(reference, 1e9)
    assert said is not None
    assert "worth fewer than 648 independent windows in camera=1 (" in said


def test_it_says_where_only_gross_changes_are_tested_and_where_nothing_is() -> None:
    alike = windows(192, correlation=0.98)
    said = warned({"camera=1": alike, "camera=2": alike[:7]})
    assert said is not None
    assert "in camera=1 only gross changes are tested until enough traffic is learnt" in said
    assert "camera=2 has too few for a test, and learns its baseline from traffic first" in said
