"""Runs with far more unusual events than their segment usually has: a person looks before they are learnt.

A stream whose frames resemble each other has such runs by itself, a few. They are learnt: leaving them out
would make the next detector's normal narrower, and so round after round. They wait for a person where they
are more than would leave the rate at alpha as it is, whoever sent them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import betabinom

from driftgauge.storage import KeptRun

LEAST_RATE = 0.2
"""A run with fewer unusual events than this share is never extreme: what is sustained raises an alert."""

CHANCE = 1e-6
"""A run is extreme if a segment like its other runs has one like it with less than this chance."""

LEFT_OUT = 0.02
"""Share of a segment's runs, those with the highest rates, from which its usual ones are not estimated."""

LEARNT_SHARE = 0.5
"""Unusual events of extreme runs that are learnt all the same: this share of alpha of a segment's events."""

_LEAST_CORRELATION, _MOST_CORRELATION = 1e-4, 0.9


def extreme_runs(runs: Iterable[KeptRun], alpha: float) -> list[KeptRun]:
    """Return the runs to put aside, of each segment."""
    segments: defaultdict[str, list[KeptRun]] = defaultdict(list)
    for run in runs:
        segments[run.segment].append(run)
    return [run for own in segments.values() for run in _to_put_aside(own, alpha)]


def _to_put_aside(own: Sequence[KeptRun], alpha: float) -> list[KeptRun]:
    events, unusual = (
        np.array([getattr(run, name) for run in own], np.int64) for name in ("events", "unusual")
    )
    places = np.flatnonzero(_are_extreme(events, unusual, alpha))
    places = places[np.argsort(unusual[places], kind="stable")]
    allowed = LEARNT_SHARE * alpha * events.sum()
    beyond = places[np.cumsum(unusual[places]) > allowed]
    return [own[place] for place in sorted(beyond)]


def _are_extreme(
    events: NDArray[np.int64], unusual: NDArray[np.int64], alpha: float
) -> NDArray[np.bool_]:
    rates = unusual / events
    n_left_out = int(np.ceil(LEFT_OUT * len(events)))
    usual = np.argsort(rates, kind="stable")[: len(events) - n_left_out]
    if not len(usual):
        return np.zeros(len(events), bool)
    mean, correlation = _moments(events[usual], unusual[usual], least=alpha)
    total = (1 - correlation) / correlation
    chance = betabinom.sf(unusual - 1, events, mean * total, (1 - mean) * total)
    extreme: NDArray[np.bool_] = (chance < CHANCE) & (rates >= LEAST_RATE)
    return extreme


def _moments(
    events: NDArray[np.int64], unusual: NDArray[np.int64], *, least: float
) -> tuple[float, float]:
    """Return the mean rate, at least *least*, and the correlation of the events of a run."""
    mean = min(max(float(unusual.sum() / events.sum()), least), 0.99)
    spread = float(np.square(unusual - mean * events).sum())
    surplus = spread / float((events * mean * (1 - mean)).sum()) - 1
    correlation = surplus / max(float(events.mean()) - 1, 1.0)
    return mean, min(max(correlation, _LEAST_CORRELATION), _MOST_CORRELATION)
