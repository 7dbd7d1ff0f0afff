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


def block_statistics(counts: Counts, masses: Array, weights: Array) -> Array:
    """Return the statistics of blocks, ``(blocks, 4)``; higher is stranger.

    Args:
        counts: ``(blocks, bins)``.
        masses: of `BlockRanks`, one for all blocks or ``(blocks, bins)``.
        weights: of `BlockRanks`, one for all blocks or ``(blocks, 3, bins)``.

    The fourth is by how much the fullest bin exceeds its reference share: a frozen picture.
    """
    shares = counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1)
    fullest = (shares - masses).max(axis=-1, keepdims=True)
    weighted = (shares[:, None] * weights).sum(axis=-1)
    found = np.concatenate([weighted, fullest], axis=-1)
    equal_stays_equal: Array = np.round(found, 9)  # sums differ in their last bits
    return equal_stays_equal


def block_gaps(reference: Array, statistics: Array, uniforms: Array) -> NDArray[np.int64]:
    """Return below how many reference blocks each block lies, ties at random, ``(blocks, 4)``.

    Args:
        reference: of `BlockRanks`, one for all blocks or ``(blocks, 4, reference blocks)``.
        statistics: ``(blocks, 4)``.
        uniforms: ``(blocks, 4)``.
    """
    values = statistics[..., None]
    least = (reference < values).sum(axis=-1)
    ties = (reference == values).sum(axis=-1)
    gaps: NDArray[np.int64] = least + (uniforms * (ties + 1)).astype(np.int64)
    return gaps


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
        statistics = block_statistics(blocks, masses, weights)
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


def rank_evidence(
    gaps: NDArray[np.int64], seen: NDArray[np.int64], uniforms: Array, n_gaps: NDArray[np.int64]
) -> Array:
    """Return the bets' log evidence of blocks, ``(blocks, 4 * exponents)``.

    Args:
        gaps: ``(blocks, 4)``, of `block_gaps`.
        seen: ``(blocks, 4, gaps)``: how many quiet blocks of live traffic fell in each gap.
        uniforms: ``(blocks, 4)``.
        n_gaps: ``(blocks,)``: how many gaps there are, one more than reference blocks; *seen* has
            room for more.

    The next of exchangeable blocks falls into a gap with probability proportional to 1 + seen
    (Polya's urn), so that p is exactly uniform, whatever was seen before.
    """
    numbers = np.arange(seen.shape[-1])
    weights = np.where(numbers < n_gaps[:, None, None], seen + 1, 0).astype(np.int64)
    own = np.take_along_axis(weights, gaps[..., None], axis=-1)[..., 0]
    beyond = np.where(numbers > gaps[..., None], weights, 0).sum(axis=-1)
    p_values = (beyond + uniforms * own) / weights.sum(axis=-1)
    surprise = np.log(np.maximum(p_values, 1e-12))[..., None]
    gain: Array = np.log(EXPONENTS) + (EXPONENTS - 1.0) * surprise
    return gain.reshape(len(gaps), -1)


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
