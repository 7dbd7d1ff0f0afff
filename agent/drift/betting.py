"""Betting on windows: the e-detector with a false-alarm guarantee (docs/method.md).

Pure numpy. One `SegmentBets` knows one (segment, layer)'s normal and turns a window's
histogram into log evidence, one number a bet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

MIN_BIN_EVENTS = 20
MIN_BLOCKS = 8
CAUTION = 2.0
SHARES = (0.01, 0.03, 0.1, 0.3, 0.7)
UNUSUAL_EXPONENTS = (0.1, 0.3, 0.6)


@dataclass(frozen=True, slots=True)
class SegmentBets:
    """Bets against one segment's own normal.

    Attributes:
        bins: merged bin of each fine bin, ``(fine bins,)``.
        masses: reference share of each merged bin, ``(merged bins,)``; sums to 1.
        log_gain: ``(bets, merged bins)``: log evidence that one event in a bin adds, already
            made cautious for the finite reference and divided by the bet's design effect.
        design_effects: ``(bets,)``, 1 where events were independent, more where neighbours
            resemble each other.
        events: reference events counted.
    """

    bins: NDArray[np.int64]
    masses: Array
    log_gain: Array
    design_effects: Array
    events: int

    @property
    def effective_events(self) -> float:
        """How many independent events the reference is worth, at the median bet."""
        return self.events / float(np.median(self.design_effects))

    def log_evidence(self, counts: Counts) -> Array:
        """Return each bet's log likelihood gain on one window's fine counts, ``(bets,)``."""
        merged = np.bincount(self.bins, weights=counts, minlength=len(self.masses))
        gain: Array = self.log_gain @ merged
        return gain


def build_bets(reference: Counts) -> SegmentBets:
    """Build the bets from a segment's reference windows in time order.

    Args:
        reference: ``(windows, fine bins)`` counts of held-out p-values.

    The three cures of docs/method.md: masses are the segment's own; every gain is lowered by
    what a finite reference may hide; and evidence is divided by the design effect of
    neighbouring frames that resemble each other.
    """
    total = reference.sum(axis=0)
    bins = merge_bins(total, MIN_BIN_EVENTS)
    first = _raw_bets(reference, bins)
    typical = float(np.median(_design_effects(reference, bins, *first)))
    bins = merge_bins(total, MIN_BIN_EVENTS * typical)
    masses, log_raw = _raw_bets(reference, bins)
    effects = _design_effects(reference, bins, masses, log_raw)
    gains = np.exp(log_raw)
    spread = np.sqrt(np.maximum(gains**2 @ masses - 1.0, 0.0))
    n_effective = np.maximum(total.sum() / effects, 1.0)
    caution = np.log1p(CAUTION * spread / np.sqrt(n_effective))
    return SegmentBets(
        bins=bins,
        masses=masses,
        log_gain=(log_raw - caution[:, None]) / effects[:, None],
        design_effects=effects,
        events=int(total.sum()),
    )


def merge_bins(counts: Counts, least: float) -> NDArray[np.int64]:
    """Join neighbouring bins, from the smallest p-values up, until each holds *least* events.

    Returns:
        The merged bin's number for each fine bin; what remains at the end joins the last one.

    Example:
        >>> merge_bins(np.array([5, 10, 30, 40, 3]), 20).tolist()
        [0, 0, 0, 1, 1]
    """
    merged = np.zeros(len(counts), dtype=np.int64)
    number, held = 0, 0
    for fine, count in enumerate(counts):
        merged[fine] = number
        held += int(count)
        if held >= least:
            number, held = number + 1, 0
    if held < least and number > 0:
        merged[merged == number] = number - 1
    return merged


def _raw_bets(reference: Counts, bins: NDArray[np.int64]) -> tuple[Array, Array]:
    totals = np.bincount(bins, weights=reference.sum(axis=0)).astype(np.float64)
    masses = totals / max(totals.sum(), 1.0)
    edges = np.concatenate([[0.0], np.cumsum(masses)])
    edges[-1] = 1.0
    densities = [_bin_density(edges**e, masses) for e in UNUSUAL_EXPONENTS]
    densities.append(_bin_density(1.0 - np.sqrt(1.0 - np.minimum(edges, 1.0)), masses))
    bets = [(1.0 - share) + share * density for share in SHARES for density in densities]
    if len(masses) > 1:
        bets += [0.5 + 0.5 * row for row in np.eye(len(masses)) / masses]
    return masses, np.log(np.array(bets))


def _bin_density(distribution_at_edges: Array, masses: Array) -> Array:
    """Return a density's mean over each bin, relative to the bin's reference mass."""
    ratio: Array = np.diff(distribution_at_edges) / np.maximum(masses, 1e-12)
    return ratio


def _design_effects(
    reference: Counts, bins: NDArray[np.int64], masses: Array, log_gain: Array
) -> Array:
    """Return, per bet, the largest ratio of block variance to independent variance, at least 1."""
    merged = np.zeros((len(reference), len(masses)))
    for number in range(len(masses)):
        merged[:, number] = reference[:, bins == number].sum(axis=1)
    mean_gain = log_gain @ masses
    variance = (log_gain**2) @ masses - mean_gain**2
    surplus = merged @ log_gain.T - merged.sum(axis=1)[:, None] * mean_gain
    effects = np.ones(len(log_gain))
    size = 1
    while len(reference) // size >= MIN_BLOCKS:
        n_blocks = len(reference) // size
        used = n_blocks * size
        blocks = surplus[:used].reshape(n_blocks, size, -1).sum(axis=1)
        events = merged[:used].sum() / n_blocks
        expected = np.maximum(events * variance, 1e-12)
        effects = np.maximum(effects, blocks.var(axis=0, ddof=1) / expected)
        size *= 2
    return effects


def advance(log_evidence: Array, gain: Array) -> Array:
    """Shiryaev-Roberts in logs: ``R <- (1 + R) L``, bet by bet."""
    moved: Array = np.logaddexp(0.0, log_evidence) + gain
    return moved


def log_mean(log_values: Array) -> float:
    """Return the logarithm of the mean of exponentials, without overflow."""
    return float(np.logaddexp.reduce(log_values) - np.log(len(log_values)))
