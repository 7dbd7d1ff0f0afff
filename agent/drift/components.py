"""Components of a baseline: states that look different and are each normal, such as day and infra-red night.

A mixture of two states allows whatever lies between them, and its windows resemble their neighbours for hours. So
states are kept apart, and a window is judged against each (docs/method.md).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..alert.surprise import mean_surprise
from .design_effect import Array, Counts
from .reference_windows import ReferenceWindows

ComponentOf = NDArray[np.int8]
"""Number of the component that each reference window belongs to, ``(windows,)``."""

MOST_COMPONENTS = 4
CLEAR = 5.0
"""Two states are clear when their means are so many deviations of a window apart."""
LEAST_STAY = 4
"""Windows in a row that each state lasts, on average: outliers are none."""
_ROUNDS = 50


def find_components(windows: Counts) -> ComponentOf:
    """Return which of two states each window shows; one state unless there are clearly two.

    Clear means far apart, each for some windows in a row, with a return: a change that came to stay is
    none. The first window's state is number 0. The clock plays no part: nightfall moves with the seasons.

    Args:
        windows: ``(windows, columns, bins)`` counts in time order.
    """
    one = np.zeros(len(windows), dtype=np.int8)
    is_held = windows[:, -1].sum(axis=-1) > 0
    if not is_held.any():
        return one
    is_second = _second_state(mean_surprise(windows[is_held]))
    if is_second is None:
        return one
    found = one.copy()
    found[is_held] = is_second
    is_enough = all(ReferenceWindows(windows[found == n]).stands_alone for n in (0, 1))
    return found if is_enough else one


def add_component(
    windows: Counts, known: ComponentOf, seen: Counts, n_labels: int = 0
) -> tuple[Counts, ComponentOf]:
    """Return reference windows with those of a change that a person called normal.

    They are a component of their own. Where they are too few for that, they join the nearest one, as often as it
    has windows, so that it is as normal as what the component held before.

    Args:
        windows: ``(windows, columns, bins)`` of the baseline.
        known: their components.
        seen: the windows of the change.
        n_labels: columns of predictions, which do not count here, before those of scores.
    """
    number, scores = int(known.max()) + 1, seen[:, n_labels:]
    if not ReferenceWindows(scores).stands_alone:
        whole = scores.sum(axis=0)[None]
        number = int(nearest_components(windows[:, n_labels:], known, whole)[0])
        seen = np.concatenate([seen] * max(1, -(-int((known == number).sum()) // len(seen))))
    joined = np.concatenate([windows, seen])
    of = np.concatenate([known, np.full(len(seen), number, dtype=np.int8)])
    is_full = of.max() >= MOST_COMPONENTS
    return joined, merge_nearest(joined[:, n_labels:], of) if is_full else of


def nearest_components(windows: Counts, of: ComponentOf, seen: Counts) -> NDArray[np.int64]:
    """Return the component whose mean of -log p is nearest to that of each window of *seen*."""
    apart = np.abs(mean_surprise(seen)[:, None] - _centres(windows, of)[None]).sum(axis=-1)
    nearest: NDArray[np.int64] = apart.argmin(axis=1)
    return nearest


def merge_nearest(windows: Counts, of: ComponentOf) -> ComponentOf:
    """Join the two components that are most alike."""
    centres = _centres(windows, of)
    apart = np.abs(centres[:, None] - centres[None]).sum(axis=-1)
    apart[np.tril_indices(len(apart))] = np.inf
    first, second = np.unravel_index(int(apart.argmin()), apart.shape)
    joined = np.where(of == second, first, of)
    return (joined - (joined > second)).astype(np.int8)


def _centres(windows: Counts, of: ComponentOf) -> Array:
    """Return each component's mean of -log p, ``(components, columns)``."""
    numbers = range(int(of.max()) + 1)
    return np.stack([mean_surprise(windows[of == n].sum(axis=0)) for n in numbers])


def _second_state(surprise: Array) -> NDArray[np.bool_] | None:
    """Return which windows are not in the first one's state, None where there is one state only.

    Args:
        surprise: mean of -log p of windows, ``(windows, columns)``.
    """
    is_high = _two_means(surprise)
    if is_high.all() or not is_high.any():
        return None
    returns = int((is_high[1:] != is_high[:-1]).sum()) > 1
    lasts = all(_mean_stay(each) >= LEAST_STAY for each in (is_high, ~is_high))
    if not returns or not lasts or _distance(surprise[is_high], surprise[~is_high]) < CLEAR:
        return None
    is_second: NDArray[np.bool_] = is_high != is_high[0]
    return is_second


def _mean_stay(is_there: NDArray[np.bool_]) -> float:
    """Return for how many windows in a row a state lasts, on average."""
    begins = int((is_there[1:] & ~is_there[:-1]).sum()) + int(is_there[0])
    return float(is_there.sum()) / begins


def _two_means(surprise: Array) -> NDArray[np.bool_]:
    """Return which windows are nearer to the higher of two centres (Lloyd's algorithm)."""
    level = surprise.mean(axis=1)
    is_high: NDArray[np.bool_] = level > (level.min() + level.max()) / 2
    for _ in range(_ROUNDS):
        if is_high.all() or not is_high.any():
            break
        high, low = surprise[is_high].mean(axis=0), surprise[~is_high].mean(axis=0)
        nearer = ((surprise - high) ** 2).sum(axis=1) < ((surprise - low) ** 2).sum(axis=1)
        if (nearer == is_high).all():
            break
        is_high = nearer
    return is_high


def _distance(one: Array, other: Array) -> float:
    """Return how far two groups of windows are apart, in deviations along the line between their means."""
    line = one.mean(axis=0) - other.mean(axis=0)
    length = float(np.sqrt((line**2).sum()))
    if length <= 0.0:
        return 0.0
    spread = [float(((group @ line) / length).var()) for group in (one, other)]
    return length / max(float(np.sqrt(np.mean(spread))), 1e-9)
