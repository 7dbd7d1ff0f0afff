"""Simulated amounts: by minute, how many images a segment sent. It starts on a Monday at ten."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from driftgauge.agent.drift.amounts import RELEARN, AmountPattern

from .arrivals_of import DAY, MINUTE, PATTERNS, START

Amounts = NDArray[np.int64]
Draw = Callable[[int, np.random.Generator], Amounts]


def _by_day(n: int, rng: np.random.Generator, spread: float) -> NDArray[np.float64]:
    """Return a factor that changes from day to day."""
    return np.repeat(np.exp(rng.normal(0.0, spread, n // DAY + 1)), DAY)[:n]


def _by_hour(n: int, rng: np.random.Generator, spread: float) -> NDArray[np.float64]:
    return np.repeat(np.exp(rng.normal(0.0, spread, n // 60 + 1)), 60)[:n]


def _of_arrivals(name: str, many: float) -> Draw:
    def draw(n: int, rng: np.random.Generator) -> Amounts:
        return PATTERNS[name](n, rng) * (1 + rng.poisson(many, n))

    return draw


AMOUNTS: Mapping[str, Draw] = {
    "five a second": lambda n, rng: np.full(n, 300),
    "at random, 60 an hour": lambda n, rng: rng.poisson(1.0, n),
    "at random, 12 an hour": lambda n, rng: rng.poisson(0.2, n),
    "a shop: 8 to 20, not on Sundays": _of_arrivals("a shop: 8 to 20, not on Sundays", 10.0),
    "motion: bursts, fewer at night": _of_arrivals("motion: bursts, fewer at night", 20.0),
    "a third more or less from day to day": lambda n, rng: rng.poisson(10 * _by_day(n, rng, 0.3)),
    "a half more or less from hour to hour": lambda n, rng: rng.poisson(10 * _by_hour(n, rng, 0.5)),
}


def thinned(amounts: Amounts, begins: int, share: float, seed: int) -> Amounts:
    """Return *amounts* of which only *share* is sent from minute *begins* on."""
    rest = np.random.default_rng(seed).binomial(amounts[begins:], share)
    return np.concatenate([amounts[:begins], rest])


def fewer_told(amounts: Amounts) -> list[int]:
    """Return the minutes at which it is told that a segment sends much less than usual."""
    pattern, told = AmountPattern(), list[int]()
    for minute, many in enumerate(amounts.tolist()):
        end = START + (minute + 1) * MINUTE
        slot = pattern.slot
        pattern.add(end, 1.0, many)
        if pattern.slot == slot:
            continue  # an hour has not ended
        if pattern.fewer_from is None and pattern.is_fewer:
            told.append(minute)
            pattern.fewer_from = end
        elif pattern.fewer_from is not None and end - pattern.fewer_from >= RELEARN:
            pattern.relearn()
        elif pattern.fewer_from is not None and pattern.is_back:
            pattern.fewer_from = None
    return told
