"""What a whole window's histogram says in a few counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from driftgauge.storage import EDGES

from .design_effect import Counts

LOW_EDGES = (0.003, 0.01, 0.05, 0.2, 0.4)
HIGH_EDGES = (0.5, 0.8)
N_COUNTS = len(LOW_EDGES) + len(HIGH_EDGES) + 1
MOST_EVENTS = 512
"""Of a window, that its bets count."""

_LOW = tuple(EDGES.index(edge) for edge in LOW_EDGES)
_HIGH = tuple(EDGES.index(edge) for edge in HIGH_EDGES)


def window_counts(
    counts: Counts, most_events: NDArray[np.int64] | int = MOST_EVENTS
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many of a window's events are unusual, too usual, and in its fullest bin.

    Args:
        counts: ``(..., bins)``.
        most_events: a larger window counts as so many, with the same shares.

    Returns:
        ``(..., N_COUNTS)``: events with p at most each of `LOW_EDGES`, above each of `HIGH_EDGES`, and
        in the fullest bin; and ``(...)``, all events.
    """
    below = counts.cumsum(axis=-1)
    n = below[..., -1]
    parts = [below[..., edge - 1] for edge in _LOW]
    parts += [n - below[..., edge - 1] for edge in _HIGH]
    parts.append(counts.max(axis=-1))
    k = np.stack(parts, axis=-1)
    scale = most_events / np.maximum(n, most_events)
    scaled = np.rint(k * scale[..., None]).astype(np.int64)
    return scaled, np.minimum(n, most_events)
