from __future__ import annotations

import numpy as np
import pytest

from driftgauge.agent.drift.normal import (
    MIN_EVENTS,
    PROMISED_EVENTS,
    learn_normal,
    learn_normals,
    ood_rate,
    promise_warning,
)

from .streams import normal_scores, pool_p_values, windows_of


def windows(n_events: int, seed: int = 1) -> np.ndarray:
    counted = windows_of(pool_p_values(normal_scores(n_events, seed)), 16)
    return np.stack([counted, counted], axis=1)


def test_a_segment_with_too_few_events_has_no_normal() -> None:
    assert learn_normal(windows(MIN_EVENTS - 16)) is None
    assert learn_normal(np.zeros((0, 2, 18), dtype=np.int64)) is None
    normal = learn_normal(windows(160))
    assert normal is not None
    assert normal.events == 160


def test_the_rate_counts_the_bins_below_alpha() -> None:
    counts = np.arange(18)
    assert ood_rate(counts, 0.01) == pytest.approx(counts[:5].sum() / counts.sum())


def test_a_small_reference_promises_nothing_and_says_how_much_it_lacks() -> None:
    normals = learn_normals({"camera=1": windows(160), "camera=2": windows(8192)})
    said = promise_warning(normals)
    assert said is not None
    assert "camera=1" in said
    assert "camera=2" not in said
    assert f"fewer than {PROMISED_EVENTS} independent images" in said
    assert promise_warning({"camera=2": normals["camera=2"]}) is None
