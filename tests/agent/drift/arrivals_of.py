"""Simulated arrivals: by minute, whether a segment sent anything. It starts on a Monday at ten."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from driftgauge.agent.drift.arrivals import ArrivalPattern

START = datetime(2026, 3, 2, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = 1440

Arrived = NDArray[np.bool_]
Draw = Callable[[int, np.random.Generator], Arrived]


def _hour(n: int) -> NDArray[np.int64]:
    return (np.arange(n) + 600) // 60 % 24


def _weekday(n: int) -> NDArray[np.int64]:
    return (np.arange(n) + 600) // 1440 % 7


def _every(n: int, minutes: int, rng: np.random.Generator) -> Arrived:
    arrived = np.zeros(n, dtype=np.bool_)
    times = np.arange(minutes, n - 1, minutes)
    times = times + rng.integers(-1, 2, len(times))
    arrived[times[rng.random(len(times)) < 0.97]] = True
    return arrived


def _gaps(n: int, gaps: NDArray[np.float64]) -> Arrived:
    arrived = np.zeros(n, dtype=np.bool_)
    times = np.cumsum(gaps).astype(np.int64)
    arrived[times[times < n]] = True
    return arrived


def _motion(n: int, rng: np.random.Generator) -> Arrived:
    hour = _hour(n)
    rate = np.where((hour >= 7) & (hour < 22), 1 / 20, 1 / 200) * np.where(_weekday(n) >= 5, 0.5, 1)
    arrived = np.zeros(n, dtype=np.bool_)
    for start in np.flatnonzero(rng.random(n) < rate):
        arrived[start : start + rng.integers(1, 8)] = True
    return arrived


def _shop(n: int, rng: np.random.Generator, share: float) -> Arrived:
    is_open = (_hour(n) >= 8) & (_hour(n) < 20) & (_weekday(n) != 6)
    found: Arrived = is_open & (rng.random(n) < share)
    return found


PATTERNS: Mapping[str, Draw] = {
    "several a second": lambda n, rng: np.ones(n, dtype=np.bool_),
    "every 10 minutes, 3 % missing": lambda n, rng: _every(n, 10, rng),
    "at random, 12 an hour": lambda n, rng: rng.random(n) < 1 - np.exp(-1 / 5),
    "at random, 1 an hour": lambda n, rng: rng.random(n) < 1 - np.exp(-1 / 60),
    "heavy gaps (log-normal, sigma 1.2)": lambda n, rng: _gaps(n, np.exp(rng.normal(2, 1.2, n))),
    "heavier gaps (Pareto, 1.5)": lambda n, rng: _gaps(n, 5 * (rng.pareto(1.5, n) + 1)),
    "motion: bursts, fewer at night": _motion,
    "a shop: 8 to 20, not on Sundays": lambda n, rng: _shop(n, rng, 0.7),
    "a shop, rarely": lambda n, rng: _shop(n, rng, 0.1),
}


def silences(arrived: Arrived, *, least_minutes: float = 10.0) -> list[int]:
    """Return the minutes at which a segment that sends so is told as silent."""
    pattern: ArrivalPattern | None = None
    told, events = [], 0
    for minute, came in enumerate(arrived.tolist()):
        start, end = START + minute * MINUTE, START + (minute + 1) * MINUTE
        events += came
        if pattern is None:
            pattern = ArrivalPattern(end, events) if came else None
            continue
        pattern.look(start, end, arrived_at=end, events=events)
        allowed = pattern.allowed(least_minutes)
        if pattern.held_from is None and allowed is not None and pattern.pause > allowed:
            told.append(minute)
            pattern.hold(end, is_told=True)
    return told
