"""What is normal in each segment: reference counts, bets against them, and the OOD rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from driftgauge.storage import EDGES

from .betting import Counts, SegmentBets, build_bets
from .conformal import BlockRanks, build_ranks
from .design_effect import DesignEffect

MIN_EVENTS = 100
"""A segment with fewer reference events raises no alert of its own."""

PROMISED_EVENTS = 200
"""Independent events that a segment's reference must be worth for the budget to be promised: in
simulation about 95 of 100 references worth so much kept it (docs/benchmarks.md)."""


@dataclass(frozen=True, slots=True)
class Normal:
    """One segment's normal.

    Attributes:
        reference: ``(columns, bins)`` counts; the last column is the combined p-value.
        bets: one a column.
        ranks: one a column, None where the reference has too few blocks of windows.
    """

    reference: Counts
    bets: tuple[SegmentBets, ...]
    ranks: tuple[BlockRanks | None, ...]

    @property
    def events(self) -> int:
        """Reference events counted."""
        return int(self.reference[-1].sum())

    @property
    def effective_events(self) -> float:
        """How many independent events the reference is worth, at the median column."""
        return float(np.median([column.effective_events for column in self.bets]))

    def rate(self, alpha: float) -> float:
        """Return the segment's own OOD rate at *alpha*, an edge of the bins."""
        return ood_rate(self.reference[-1], alpha)

    def design_effects(self) -> list[float]:
        """Return each column's design effect, at the typical bet."""
        return [column.typical.estimate for column in self.bets]


def learn_normal(windows: Counts) -> Normal | None:
    """Return the normal that reference *windows* show, None if they are too few to test against.

    Args:
        windows: ``(windows, columns, bins)`` counts in time order.
    """
    if not len(windows) or int(windows[:, -1].sum()) < MIN_EVENTS:
        return None
    alone = [build_bets(windows[:, column]).typical for column in range(windows.shape[1])]
    shared = DesignEffect(
        float(np.median([effect.estimate for effect in alone])),
        float(np.median([effect.bound for effect in alone])),
    )
    bets = tuple(build_bets(windows[:, column], shared) for column in range(windows.shape[1]))
    if not any(len(column.log_gain) for column in bets):
        return None
    ranks = tuple(build_ranks(windows[:, column]) for column in range(windows.shape[1]))
    return Normal(reference=windows.sum(axis=0), bets=bets, ranks=ranks)


def learn_normals(reference: Mapping[str, Counts]) -> dict[str, Normal]:
    """Return the normal of each segment that has enough reference."""
    learnt = {segment: learn_normal(windows) for segment, windows in reference.items()}
    return {segment: normal for segment, normal in learnt.items() if normal is not None}


def ood_rate(counts: Counts, alpha: float) -> float:
    """Return the share of events with p at most *alpha*, which must be an edge of the bins.

    Example:
        >>> counts = np.zeros(18, dtype=np.int64)
        >>> counts[4], counts[9] = 1, 3
        >>> ood_rate(counts, 0.01)
        0.25
    """
    n_bins = EDGES.index(alpha)
    return float(counts[:n_bins].sum() / max(int(counts.sum()), 1))


def promise_warning(reference: Mapping[str, Counts]) -> str | None:
    """Return in which segments the false-alarm budget is not promised, None where it is in all.

    Args:
        reference: each segment's reference windows, ``(windows, columns, bins)``.
    """
    worth = {
        segment: reference_worth(windows)
        for segment, windows in sorted(reference.items())
        if int(windows[:, -1].sum()) >= MIN_EVENTS
    }
    short = {segment: events for segment, events in worth.items() if events < PROMISED_EVENTS}
    if not short:
        return None
    listed = ", ".join(f"{segment} {events:.0f}" for segment, events in short.items())
    factor = PROMISED_EVENTS / max(min(short.values()), 1.0)
    said = (
        f"the held-out reference is worth fewer than {PROMISED_EVENTS} independent images in "
        f"{listed}: the false-alarm budget is not promised there; about {factor:.1f} times as "
        f"many images would do"
    )
    untested = [segment for segment in short if learn_normal(reference[segment]) is None]
    if untested:
        said += f"; too few to test {', '.join(untested)}, learnt from traffic first"
    return said


def reference_worth(windows: Counts) -> float:
    """Return how many independent events reference *windows* are worth, at the median column."""
    columns = range(windows.shape[1])
    return float(np.median([build_bets(windows[:, n]).effective_events for n in columns]))
