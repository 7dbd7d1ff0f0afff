"""Which columns of a segment's counts are of predictions, and which of scores.

Where a test reads predictions, `LABEL_LAYERS` stand before the score columns; else there are none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from driftgauge.storage import LABEL_LAYERS, N_CLASSES, OTHER_CLASSES

from .design_effect import Counts
from .drift_test import DriftTest

N_LABEL_COLUMNS = len(LABEL_LAYERS)


def n_label_columns(tests: Sequence[DriftTest]) -> int:
    """Return how many columns of predictions stand before those of scores."""
    return N_LABEL_COLUMNS if any(test.reads_labels for test in tests) else 0


def columns_of(test: DriftTest, n_labels: int) -> slice:
    """Return which columns *test* reads."""
    return slice(0, n_labels) if test.reads_labels else slice(n_labels, None)


def with_labels(counts: Counts, n_have: int, n_wanted: int) -> Counts:
    """Return counts ``(..., columns, bins)`` with so many columns of predictions, unknown ones empty."""
    scores = counts[..., n_have:, :]
    if n_have == n_wanted:
        return counts
    shape = (*scores.shape[:-2], n_wanted, scores.shape[-1])
    return np.concatenate([np.zeros(shape, dtype=scores.dtype), scores], axis=-2)


def judged_columns(columns: Sequence[str], tests: Sequence[DriftTest]) -> tuple[str, ...]:
    """Return the names of all columns that *tests* want, before those of scores."""
    return (*LABEL_LAYERS[: n_label_columns(tests)], *columns)


def with_predictions(
    scores: Mapping[str, Counts], labels: Mapping[str, Counts]
) -> dict[str, Counts]:
    """Return reference windows with the columns of predictions first, empty where there are none."""
    return {
        name: np.concatenate([labels[name], counts], axis=1)
        if name in labels
        else with_labels(counts, 0, N_LABEL_COLUMNS)
        for name, counts in scores.items()
    }


def named_slots(classes: Sequence[str]) -> tuple[str, ...]:
    """Return the name of each bin of the class counts; of bins without a class, a number sign."""
    unused = ["#"] * (N_CLASSES - len(classes))
    return (*classes[:N_CLASSES], *unused, OTHER_CLASSES)
