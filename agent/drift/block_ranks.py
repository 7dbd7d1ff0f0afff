"""Whole windows as the unit: a window's ranks among windows of the reference (docs/method.md).

Pure numpy. What happens inside a window, such as frames that resemble each other, does not
matter here: only that quiet windows come in no particular order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .design_effect import Array, Counts

EXPONENTS = np.array([0.05, 0.1, 0.2, 0.4, 0.7])
N_STATISTICS = 4
MIN_BLOCK_EVENTS = 16
MIN_BLOCKS = 24
LOW = 0.05


@dataclass(frozen=True, slots=True)
class BlockRanks:
    """The reference blocks of one (segment, layer).

    Attributes:
        masses: reference share of each fine bin; sums to 1.
        weights: ``(3, bins)``: what an event in a bin adds to the mean of -log p, to the share
            of low p-values, and to the reverse of the first; p ranked in the segment itself.
        reference: ``(4, blocks)`` statistics of the reference's blocks, ascending.
        least_events: windows are joined until they hold so many.
    """

    masses: Array
    weights: Array
    reference: Array
    least_events: int

    @property
    def n_blocks(self) -> int:
        """Blocks of the reference."""
        return int(self.reference.shape[1])

    def statistics(self, counts: Counts) -> Array:
        """Return the statistics of blocks, ``(..., bins)`` to ``(..., 4)``; higher is stranger.

        The fourth is by how much the fullest bin exceeds its reference share: a frozen picture.
        """
        shares = counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1)
        fullest = (shares - self.masses).max(axis=-1, keepdims=True)
        found = np.concatenate([shares @ self.weights.T, fullest], axis=-1)
        equal_stays_equal: Array = np.round(found, 9)  # sums differ in their last bits
        return equal_stays_equal

    def gaps(self, counts: Counts, uniforms: Array) -> NDArray[np.int64]:
        """Return below how many reference blocks a block lies, ties at random, ``(4,)``."""
        values = self.statistics(counts)
        found = np.empty(N_STATISTICS, dtype=np.int64)
        for number, (ordered, value) in enumerate(zip(self.reference, values, strict=True)):
            least = np.searchsorted(ordered, value, side="left")
            most = np.searchsorted(ordered, value, side="right")
            found[number] = least + int(uniforms[number] * (most - least + 1))
        return found


def build_ranks(reference: Counts) -> BlockRanks | None:
    """Build the ranks from a segment's reference windows in time order.

    Windows are joined, twice as many each time, until neighbouring blocks no longer resemble
    each other.

    Returns:
        None where fewer than `MIN_BLOCKS` such blocks are left.
    """
    masses = reference.sum(axis=0) / max(int(reference.sum()), 1)
    weights = _weights(masses, int(reference.sum()))
    events = float(reference.sum(axis=1).mean())
    size = 1
    while True:
        least = max(round(size * events), MIN_BLOCK_EVENTS)
        blocks = join_windows(reference, least)
        if len(blocks) < MIN_BLOCKS:
            return None
        draft = BlockRanks(masses, weights, np.zeros((N_STATISTICS, 0)), least)
        statistics = draft.statistics(blocks)
        if _is_unordered(statistics[:, 0]):
            return BlockRanks(masses, weights, np.sort(statistics.T, axis=1), least)
        size *= 2


def join_windows(windows: Counts, least_events: int) -> Counts:
    """Join neighbouring windows until each block holds *least_events*; the rest is left out."""
    blocks, held = [], np.zeros(windows.shape[1], dtype=np.int64)
    for window in windows:
        held = held + window
        if held.sum() >= least_events:
            blocks.append(held)
            held = np.zeros_like(held)
    return np.array(blocks, dtype=np.int64).reshape(-1, windows.shape[1])


def rank_evidence(gaps: NDArray[np.int64], seen: NDArray[np.int64], uniforms: Array) -> Array:
    """Return the bets' log evidence of one block, ``(4 * exponents,)``.

    Args:
        gaps: ``(4,)``, of `BlockRanks.gaps`.
        seen: ``(4, reference blocks + 1)``: how many quiet blocks of live traffic fell in each.
        uniforms: ``(4,)``.

    The next of exchangeable blocks falls into a gap with probability proportional to 1 + seen
    (Polya's urn), so that p is exactly uniform, whatever was seen before.
    """
    weights = seen + 1
    own = np.take_along_axis(weights, gaps[:, None], axis=1)[:, 0]
    above = weights.sum(axis=1, keepdims=True) - np.cumsum(weights, axis=1)
    beyond = np.take_along_axis(above, gaps[:, None], axis=1)[:, 0]
    p_values = (beyond + uniforms * own) / weights.sum(axis=1)
    gain: Array = (
        np.log(EXPONENTS) + (EXPONENTS - 1.0) * np.log(np.maximum(p_values, 1e-12))[:, None]
    )
    return gain.ravel()


def _weights(masses: Array, events: int) -> Array:
    edges = np.concatenate([[0.0], np.cumsum(masses)])
    middles = np.maximum((edges[1:] + edges[:-1]) / 2.0, 0.5 / max(events, 1))
    low = np.clip((LOW - edges[:-1]) / np.maximum(masses, 1e-12), 0.0, 1.0)
    return np.stack([-np.log(middles), low, np.log(middles)])


def _is_unordered(values: Array) -> bool:
    """Return whether neighbours correlate by less than one standard error."""
    if np.allclose(values, values[0]):
        return True
    centred = values - values.mean()
    together = float((centred[1:] * centred[:-1]).sum() / (centred**2).sum())
    return together < 1.0 / math.sqrt(len(values))
