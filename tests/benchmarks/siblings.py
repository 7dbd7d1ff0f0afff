"""What it would gain to borrow the likeness of neighbouring windows from siblings, which the product does not do.

At places of the grid whose references promise nothing, each of ten cameras is measured with its own inflation of a
mean's variance, with at least the median of the ten, or with that median.

Run: python -m tests.benchmarks.siblings   (half a minute of one processor)
"""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import patch

import numpy as np

from driftgauge.agent.drift import reference_windows
from driftgauge.agent.drift.baseline import learn_baseline
from driftgauge.agent.drift.design_effect import Array, Counts
from driftgauge.agent.drift.likeness import variance_inflation
from driftgauge.agent.drift.tests.catalogue import choose_tests

from ..agent.drift.many_runs import alarms
from ..agent.drift.streams import normal_scores, pool_p_values, windows_of
from .false_alarms import GRID, VIDEO, A, Place, windows
from .table import Figure, write_benchmark

PLACES = (19, 23)
"""Counted from 1: correlations of 0.8 and 0.9, 640 events in windows of 16."""
CAMERAS = 10
QUIET, LONGEST, CHANGED = 3000, 150, 0.3
TESTS = choose_tests(["windows", "betting", "coarse"])

Inflation = Callable[[Counts], Array]


def reference(place: Place, seed: int) -> Counts:
    """Return one camera's reference windows."""
    scores = normal_scores(place.n, seed, correlation=place.correlation, shift=place.shift)
    return windows_of(pool_p_values(scores), VIDEO)[:, None]


def ways(median: float) -> dict[str, Inflation]:
    """Return how a camera's inflation may be measured."""
    return {
        "its own": variance_inflation,
        "at least the median": lambda counts: np.maximum(variance_inflation(counts), median),
        "the median": lambda counts: np.full(counts.shape[1], median),
    }


def place_rows(place: Place) -> list[dict[str, object]]:
    """Return a line for each way."""
    references = {str(seed): reference(place, seed) for seed in range(CAMERAS)}
    own = [float(variance_inflation(each)[0]) for each in references.values()]
    quiet = {name: windows(place, QUIET, 1000 + int(name)) for name in references}
    changed = {name: windows(place, LONGEST, 2000 + int(name), CHANGED) for name in references}
    rows: list[dict[str, object]] = []
    for way, inflation in ways(float(np.median(own))).items():
        with patch.object(reference_windows, "variance_inflation", inflation):
            baselines = {name: learn_baseline(each, TESTS) for name, each in references.items()}
        false = [len(told) for told in alarms(baselines, quiet, A, TESTS).values()]
        first = alarms(baselines, changed, A, TESTS, only_first=True)
        delays = [(told or [LONGEST + 1])[0] for told in first.values()]
        rows.append(
            {
                "correlation": place.correlation,
                "reference": place.n,
                "inflation": way,
                f"false alarms in {QUIET}": round(float(np.mean(false)), 2),
                "worst": max(false),
                f"windows to {CHANGED:.0%}": float(np.median(delays)),
            }
        )
    return rows


def main() -> None:
    """Print the table and write build/benchmarks/siblings.json."""
    rows = [row for number in PLACES for row in place_rows(GRID[number - 1])]
    column = f"false alarms in {QUIET}"
    figures = [
        Figure(
            f"{column}, {way}",
            max(float(str(r[column])) for r in rows if r["inflation"] == way),
            "",
        )
        for way in ways(1.0)
    ]
    write_benchmark("siblings", rows, figures)


if __name__ == "__main__":
    main()
