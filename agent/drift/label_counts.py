"""What a window's predictions say in a few counts, and which changes of them are bet on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from driftgauge.storage import EDGES, N_BINS

from .design_effect import Counts
from .window_counts import MOST_EVENTS
from .window_model import Alternative

DOUBT_EDGES = (0.01, 0.1, 0.5)
"""Of 1 - confidence: the counts are events above each, and events up to each."""

_DOUBTS = tuple(EDGES.index(edge) for edge in DOUBT_EDGES)


_MORE = ((2.0, 0.0), (6.0, 0.0), (1.0, 0.2), (1.0, 0.7))
_FEWER = ((1.0, 0.6),)

OF_CLASSES = (
    *(Alternative(count, *change) for count in range(N_BINS) for change in _MORE),
    *(Alternative(N_BINS + count, *change) for count in range(N_BINS) for change in _FEWER),
)
"""More of a class, by a factor or by a share of the other events; and fewer of it."""

OF_CONFIDENCE = (
    *(Alternative(n, *change) for n in range(len(_DOUBTS)) for change in _MORE[1:]),
    *(Alternative(len(_DOUBTS) + n, *change) for n in range(len(_DOUBTS)) for change in _FEWER),
)
"""A model that is less sure, and one that is surer."""


def class_counts(
    classes: Counts, most_events: NDArray[np.int64] | int = MOST_EVENTS
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many of a window's events are of each class, and of all others.

    Args:
        classes: ``(..., bins)``.
        most_events: a larger window counts as so many, with the same shares.

    Returns:
        ``(..., 2 * bins)`` and, of all events, ``(...)``.
    """
    n = classes.sum(axis=-1)
    return _scaled(np.concatenate([classes, n[..., None] - classes], axis=-1), n, most_events)


def confidence_counts(
    doubts: Counts, most_events: NDArray[np.int64] | int = MOST_EVENTS
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many of a window's predictions are less sure, and surer, than `DOUBT_EDGES`.

    Args:
        doubts: ``(..., bins)`` of 1 - confidence.
        most_events: as in `class_counts`.

    Returns:
        ``(..., 2 * len(DOUBT_EDGES))`` and, of all events, ``(...)``.
    """
    below = doubts.cumsum(axis=-1)
    n = below[..., -1]
    surer = np.stack([below[..., edge - 1] for edge in _DOUBTS], axis=-1)
    return _scaled(np.concatenate([n[..., None] - surer, surer], axis=-1), n, most_events)


def _scaled(
    k: NDArray[np.int64], n: NDArray[np.int64], most_events: NDArray[np.int64] | int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    scale = most_events / np.maximum(n, most_events)
    scaled: NDArray[np.int64] = np.rint(k * scale[..., None]).astype(np.int64)
    return scaled, np.minimum(n, most_events)
