"""Divides the reference: some to train on, the rest, never trained on, to calibrate on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MIN_EVENTS = 200
N_BLOCKS = 12
PATTERN = "tab"  # train, cal-A, cal-B: four times over the reference's span


@dataclass(frozen=True, slots=True)
class Split:
    """Row numbers of each part, ascending."""

    train: NDArray[np.int64]
    cal_a: NDArray[np.int64]
    cal_b: NDArray[np.int64]

    @property
    def held_out(self) -> NDArray[np.int64]:
        """Those that were not trained on."""
        return np.sort(np.concatenate([self.cal_a, self.cal_b]))


def split_reference(window_ids: NDArray[np.int64]) -> Split:
    """Assign whole windows in turn to the parts, in blocks spread over the reference's span.

    Neighbouring frames resemble each other, so that single events dealt at random would put
    near-copies of the training events into calibration; and a contiguous cut would calibrate
    on another hour than it trains on. Blocks of windows avoid both.

    Args:
        window_ids: ``(n,)``, not decreasing.
    """
    _, windows = np.unique(window_ids, return_inverse=True)
    n_windows = int(windows.max(initial=0)) + 1
    if n_windows < N_BLOCKS:
        windows, n_windows = np.arange(len(window_ids)), len(window_ids)
    block = -(-n_windows // N_BLOCKS)
    part = np.array(list(PATTERN))[(windows // block) % len(PATTERN)]
    return Split(
        train=np.flatnonzero(part == "t"),
        cal_a=np.flatnonzero(part == "a"),
        cal_b=np.flatnonzero(part == "b"),
    )
