"""When a change began: at the change, not where evidence that creeps upward left its last low."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from driftgauge.agent.drift.baseline import learn_baseline
from driftgauge.agent.drift.onset import ReadLast, look_back, onset

from .one_segment import OneSegment
from .streams import EVENTS, normal_scores, pool_p_values, windows_of

START = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CHANGED = 60
COLUMNS = 3


def windows(n: int, seed: int, correlation: float, *, share: float = 0.0) -> NDArray[np.int64]:
    """Return ``(windows, columns, bins)``: *share* of the events three deviations off from `CHANGED` on."""
    n_events = n * EVENTS
    rng = np.random.default_rng(seed)
    hit = (rng.random(n_events) < share) & (np.arange(n_events) >= CHANGED * EVENTS)
    same = normal_scores(n_events, 100 * seed, correlation=correlation)
    columns = []
    for column in range(COLUMNS):
        own = normal_scores(n_events, 100 * seed + 1 + column, correlation=correlation)
        columns.append(windows_of(pool_p_values(0.7 * same + 0.71 * own + 3 * hit)))
    return np.stack(columns, axis=1)


def reader(seen: NDArray[np.int64], sizes: list[int] | None = None) -> ReadLast:
    """Return what reads the last windows of *seen*, and notes in *sizes* how many."""

    def read(n_windows: int) -> tuple[list[datetime], NDArray[np.int64]]:
        if sizes is not None:
            sizes.append(n_windows)
        first = max(len(seen) - n_windows, 0)
        return [START + n * MINUTE for n in range(first, len(seen))], seen[first:]

    return read


def test_a_gross_change_is_dated_from_a_few_windows() -> None:
    reference = windows(60, 1, 0.0).sum(axis=0)
    seen, sizes = windows(CHANGED + 2, 2, 0.0, share=1.0), list[int]()
    told, since = look_back(reader(seen, sizes), reference[None], 60)
    assert (told, sizes) == (START + CHANGED * MINUTE, [8])
    assert since[-1].sum() == 2 * EVENTS


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_a_change_is_dated_within_a_few_windows_though_neighbours_are_alike(
    correlation: float,
) -> None:
    off, evident = [], []
    for seed in range(6):
        baseline = learn_baseline(windows(128, 5000 + seed, correlation))
        assert baseline is not None
        seen = windows(160, seed, correlation, share=0.1)
        segment = OneSegment(baseline)
        for number, counts in enumerate(seen):
            found = segment.add(counts, START + number * MINUTE)
            if number > CHANGED and found["betting"] >= np.log(1000):
                evident.append(abs((segment.since("betting") - START) // MINUTE - CHANGED))
                told, _ = look_back(reader(seen[: number + 1]), baseline.components, number + 1)
                off.append(abs((told - START) // MINUTE - CHANGED))
                break
    assert len(off) == 6
    assert np.median(off) <= 3
    assert max(off) <= 10
    assert np.median(off) <= np.median(evident)


def test_a_change_towards_the_usual_is_dated_as_well() -> None:
    reference = windows(60, 1, 0.0)
    usual = np.zeros_like(reference[:8])
    usual[:, :, -1] = EVENTS
    seen = np.concatenate([windows(30, 2, 0.0), usual])
    assert abs(onset(seen, reference.sum(axis=0)[None]) - 30) <= 1


def test_empty_windows_date_nothing() -> None:
    reference = windows(60, 1, 0.0).sum(axis=0)
    seen = np.zeros((5, *reference.shape), dtype=np.int64)
    assert onset(seen, reference[None]) == 0
