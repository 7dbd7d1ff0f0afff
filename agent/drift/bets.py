"""Bets on single events, against one (segment, layer)'s own baseline (docs/method.md).

Pure numpy. A window's histogram becomes log evidence, one number a bet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .design_effect import (
    INDEPENDENT,
    Array,
    Counts,
    DesignEffect,
    DesignEffects,
    measure_design_effects,
)

MIN_BIN_EVENTS = 20
CAUTION = 2.0
SHARES = (0.01, 0.03, 0.1, 0.3, 0.7)
UNUSUAL_EXPONENTS = (0.1, 0.3, 0.6)
N_SHAPED_BETS = len(SHARES) * (len(UNUSUAL_EXPONENTS) + 1)
"""Bets on a shape of the p-values; those on single bins follow them."""


@dataclass(frozen=True, slots=True)
class SegmentBets:
    """Bets against one (segment, layer)'s baseline.

    Attributes:
        bins: merged bin of each fine bin, ``(fine bins,)``.
        masses: reference share of each merged bin, ``(merged bins,)``; sums to 1.
        log_gain: ``(bets, merged bins)``: log evidence that one event in a bin adds, already
            made cautious for the finite reference and divided by the bet's design effect.
            No bets where the reference is too small to tell two bins apart.
        typical: design effect of the typical bet: 1 where events were independent, more where
            neighbours resemble each other.
        events: reference events counted.
    """

    bins: NDArray[np.int64]
    masses: Array
    log_gain: Array
    typical: DesignEffect
    events: int

    @property
    def effective_events(self) -> float:
        """The effective sample size of the reference, at the typical bet."""
        return self.events / self.typical.estimate

    def log_evidence(self, counts: Counts) -> Array:
        """Return each bet's log likelihood gain on one window's fine counts, ``(bets,)``."""
        merged = np.bincount(self.bins, weights=counts, minlength=len(self.masses))
        gain: Array = self.log_gain @ merged
        return gain


def build_bets(reference: Counts, least: DesignEffect = INDEPENDENT) -> SegmentBets:
    """Build the bets from a segment's reference windows in time order.

    Args:
        reference: ``(windows, fine bins)`` counts of held-out p-values.
        least: the design effect that is known from elsewhere, such as from the other layers.

    The three cures of docs/method.md: masses are the segment's own; every gain is lowered by
    what a finite reference may hide; and evidence is divided by an upper bound of the design
    effect of neighbouring frames that resemble each other.
    """
    return RawBets.of(reference).build(least)


@dataclass(frozen=True, slots=True, eq=False)
class RawBets:
    """Reference windows with the design effects of bets that know nothing of these yet.

    Attributes:
        reference: ``(windows, fine bins)`` counts.
        effects: of the bets on bins of at least `MIN_BIN_EVENTS`.
    """

    reference: Counts
    effects: DesignEffects

    @classmethod
    def of(cls, reference: Counts) -> RawBets:
        """Measure them."""
        total = reference.sum(axis=0)
        bins = merge_bins(total, MIN_BIN_EVENTS)
        return cls(
            reference, measure_design_effects(_merged(reference, bins), *_raw_bets(total, bins))
        )

    def build(self, least: DesignEffect = INDEPENDENT) -> SegmentBets:
        """Return the bets, no design effect of which is smaller than *least*."""
        total, typical = self.reference.sum(axis=0), self.effects.at_least(least).typical
        bins = merge_bins(total, MIN_BIN_EVENTS * typical.estimate)
        masses, log_raw = _raw_bets(total, bins)
        if len(masses) < 2:  # noqa: PLR2004 - one bin holds every event, whatever happens
            return SegmentBets(bins, masses, np.zeros((0, 1)), typical, int(total.sum()))
        effects = measure_design_effects(_merged(self.reference, bins), masses, log_raw, least)
        n_effective = np.maximum(total.sum() / effects.estimate, 1.0)
        spread = np.sqrt(np.maximum(np.exp(2.0 * log_raw) @ masses - 1.0, 0.0))
        caution = np.log1p(CAUTION * spread / np.sqrt(n_effective))
        log_gain = (log_raw - caution[:, None]) / effects.bound[:, None]
        return SegmentBets(bins, masses, log_gain, typical, int(total.sum()))


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


def _merged(counts: Counts, bins: NDArray[np.int64]) -> Array:
    """Return ``(windows, merged bins)`` counts."""
    merged = np.zeros((len(counts), int(bins.max()) + 1))
    np.add.at(merged.T, bins, counts.T)
    return merged


def _raw_bets(total: Counts, bins: NDArray[np.int64]) -> tuple[Array, Array]:
    """Return the masses of the merged bins, and what each bet gains by an event in each."""
    totals = np.bincount(bins, weights=total).astype(np.float64)
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
