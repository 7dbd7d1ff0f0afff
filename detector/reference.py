"""How p-values are counted, and what a segment's own normal looked like, window by window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

P_VALUE_EDGES = (
    0.0, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.02, 0.05, 0.1, 0.2,
    0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0,
)  # fmt: skip
"""Bin b counts p in (edge b, edge b + 1]."""

N_P_VALUE_BINS = len(P_VALUE_EDGES) - 1

ReferenceWindows = Mapping[str, NDArray[np.int64]]
"""Segment to counts in time order, ``(windows, layers + 1, bins)``; the last layer is combined."""


def p_value_bins(p_values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the bin of each p-value in (0, 1].

    Example:
        >>> p_value_bins(np.array([1e-5, 1e-4, 0.01, 0.010001, 1.0])).tolist()
        [0, 0, 4, 5, 17]
    """
    inner = np.asarray(P_VALUE_EDGES[1:-1])
    return np.searchsorted(inner, p_values, side="left").astype(np.int64)


def count_windows(
    p_values: NDArray[np.float64], window_ids: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Count p-values ``(events, columns)`` into one histogram a window and column.

    Args:
        p_values: in (0, 1].
        window_ids: ``(events,)``, not decreasing; windows without events are left out.

    Returns:
        ``(windows, columns, bins)``.
    """
    _, rows = np.unique(window_ids, return_inverse=True)
    n_windows, n_columns = int(rows.max(initial=-1)) + 1, p_values.shape[1]
    counts = np.zeros((n_windows, n_columns, N_P_VALUE_BINS), dtype=np.int64)
    columns = np.broadcast_to(np.arange(n_columns), p_values.shape)
    np.add.at(counts, (rows[:, None], columns, p_value_bins(p_values)), 1)
    return counts


def reference_windows(
    p_values: NDArray[np.float64],
    window_ids: NDArray[np.int64],
    segments: Sequence[Sequence[str]],
) -> dict[str, NDArray[np.int64]]:
    """Count each segment's reference, in the order of time.

    Args:
        p_values: ``(events, columns)``, in time order.
        window_ids: ``(events,)``, not decreasing.
        segments: of each event, the segments it belongs to; all belong to ``*`` too.
    """
    names = sorted({name for own in segments for name in own})
    counted = {"*": count_windows(p_values, window_ids)}
    for name in names:
        rows = np.array([name in own for own in segments])
        counted[name] = count_windows(p_values[rows], window_ids[rows])
    return counted
