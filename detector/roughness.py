"""How much neighbouring positions of a layer differ: the second moment that a tap can hold.

Light, haze and compression leave a channel's mean nearly as it was and change how it varies from
place to place. The standard deviation over positions mixes that with the picture's layout;
differences of neighbours do not.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .layout import Layout
from .pooling import MAP_AXES, VECTOR_AXES

N_ROWS = 8
"""Rows that neighbours are compared in, about: more cost the host time and tell little more."""
CACHED_NUMBERS = 1 << 20
"""Differences that are computed at a time on a processor: in its cache, wide maps take half the time."""
LEAST_PLACES = 64
"""Positions of a layer whose roughness can tell something."""
COARSE = 16
"""A layer with so many times fewer positions than the finest is left without: the last two of four
stages, wide and coarse, cost most and tell nothing by it (docs/benchmarks.md)."""


def has_telling_roughness(n_positions: int, finest: int) -> bool:
    """Return whether a layer's roughness is worth its cost.

    Args:
        n_positions: of the layer.
        finest: positions of the layer that has most of them, among those that are tapped.

    Example:
        >>> [has_telling_roughness(side**2, finest=56**2) for side in (56, 28, 14, 7)]
        [True, True, False, False]
    """
    return n_positions >= LEAST_PLACES and n_positions * COARSE > finest


def measure_roughness(activation: Tensor, layout: Layout) -> Tensor:
    """Return the mean absolute difference of neighbouring positions, of both directions.

    In a large map rows are taken evenly from top to bottom, each with the row below it, so that the
    cost does not grow with the map. NaN and infinity pass through where they are met.

    Args:
        activation: ``(n, c, h, w)``, ``(n, h, w, c)``, tokens ``(n, t, d)``, or vectors ``(n, c)``. It
            is neither changed nor kept.
        layout: of *activation*.

    Returns:
        ``(n, c)``, float32, on the activation's device; 0 where a position has no neighbour, as in
        vectors.

    Example:
        >>> steps = torch.tensor([[[[0.0, 1.0, 3.0], [0.0, 1.0, 3.0]]]])
        >>> measure_roughness(steps, Layout((2, 3), 1, grid=(2, 3)))
        tensor([[0.7500]])
    """
    activation = activation.detach()
    if activation.ndim == VECTOR_AXES:
        return torch.zeros(activation.shape, device=activation.device)
    places = _places(activation, layout)
    found = torch.empty(len(places), layout.channels, device=places.device)
    size = _samples_at_a_time(places, layout)
    for start in range(0, len(places), size):
        found[start : start + size] = _of_places(places[start : start + size], layout.grid)
    return found


def _of_places(places: Tensor, grid: tuple[int, int]) -> Tensor:
    height, width = grid
    step = row_step(height)
    upper = places[:, : max(height - 1, 1) : step].float()
    found = []
    if width > 1:
        found.append(_difference(upper[:, :, 1:], upper[:, :, :-1]))
    if height > 1:
        found.append(_difference(places[:, 1::step].float(), upper))
    if not found:
        return torch.zeros(len(places), places.shape[-1], device=places.device)
    return found[0] if len(found) == 1 else found[0].add_(found[1]).mul_(0.5)


def _samples_at_a_time(places: Tensor, layout: Layout) -> int:
    """Return how many samples' differences fit a processor's cache; all of them on a GPU."""
    if places.device.type != "cpu":
        return max(len(places), 1)
    height, width = layout.grid
    n_rows = -(-max(height - 1, 1) // row_step(height))
    return max(1, CACHED_NUMBERS // max(n_rows * width * layout.channels, 1))


def row_step(height: int) -> int:
    """Return how far apart the rows are that are compared in a map of *height* rows."""
    return max(height // N_ROWS, 1)


def _places(activation: Tensor, layout: Layout) -> Tensor:
    """Return a view ``(n, rows, columns, channels)``."""
    if activation.ndim == MAP_AXES:
        return activation if layout.channels_last else activation.permute(0, 2, 3, 1)
    tokens = activation[:, layout.n_prefix :]
    return tokens.reshape(len(tokens), *layout.grid, layout.channels)


def _difference(some: Tensor, others: Tensor) -> Tensor:
    return (some - others).abs_().mean(dim=(1, 2))
