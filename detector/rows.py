"""Rows of taps that may lie in a file: taken a part at a time, so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .normaliser import Normaliser

MAX_TRAIN = 100_000
"""Reference events that a detector is trained on at most, evenly spread over its share of the reference."""

BATCH = 1024
"""Rows taken at a time."""

Rows = NDArray[np.int64]


def take_rows(
    taps: Mapping[str, Tensor], rows: Rows, device: torch.device | None = None
) -> dict[str, Tensor]:
    """Return copies of *rows* of each layer, on *device* or where the taps are."""
    index = torch.from_numpy(rows)
    return {layer: tap[index].to(device or tap.device) for layer, tap in taps.items()}


def thin_rows(rows: Rows, n_most: int) -> Rows:
    """Return *rows*, or *n_most* of them, evenly spread.

    Example:
        >>> thin_rows(np.arange(10), 4).tolist()
        [0, 2, 5, 7]
    """
    if len(rows) <= n_most:
        return rows
    return rows[np.arange(n_most) * len(rows) // n_most]


def normalise_rows(normaliser: Normaliser, taps: Mapping[str, Tensor], rows: Rows) -> Tensor:
    """Return ``z0`` of *rows*, ``(len(rows), channels)``, on the normaliser's device.

    Raises:
        NonFiniteScore: a tap is not finite.
    """
    device = normaliser.mean.device
    clean = torch.empty(len(rows), sum(normaliser.widths), device=device)
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        clean[start : start + BATCH] = normaliser(take_rows(taps, part, device))
    return clean
