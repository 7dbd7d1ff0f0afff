"""False alarms and delays of the betting test over docs/method.md's grid, by simulation.

Run: python -m tests.benchmarks.false_alarms [--runs N]
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import dataclass

import numpy as np

from driftgauge.agent.drift.betting import SegmentBets, advance, build_bets, log_mean
from driftgauge.agent.drift.normal import PROMISED_EVENTS

from ..agent.drift.streams import EVENTS, normal_scores, pool_p_values, windows_of
from .table import Figure, write_benchmark

A = 1000.0
QUIET_WINDOWS = 3000
ALLOWED = QUIET_WINDOWS / A
LONGEST = 300
CHANGED = (0.05, 0.1, 0.3, 1.0)
VIDEO = 16
"""Events of a window in the places that stand for video with a small reference."""


@dataclass(frozen=True)
class Place:
    """One place of the grid: what the stream is like, and how much reference there is."""

    correlation: float
    shift: float
    n: int
    events: int = EVENTS


GRID = (
    *(Place(0.0, 0.0, n) for n in (500, 2000, 5000)),
    *(Place(0.0, 0.5, n) for n in (512, 2048, 8192)),
    *(Place(rho, 0.5, n) for rho in (0.5, 0.9, 0.97) for n in (2048, 8192)),
    *(Place(rho, 0.5, n, VIDEO) for rho in (0.5, 0.8, 0.9, 0.97) for n in (192, 320, 640, 1280)),
)


def first_alarms(bets: SegmentBets, windows: np.ndarray, *, only_first: bool) -> list[int]:
    """Return the windows at which the segment alarms, counted from 1."""
    if not len(bets.log_gain):
        return []
    log_evidence = np.full(len(bets.log_gain), -np.inf)
    found = []
    for number, counts in enumerate(windows, start=1):
        log_evidence = advance(log_evidence, bets.log_evidence(counts))
        if log_mean(log_evidence) >= math.log(A):
            found.append(number)
            if only_first:
                break
            log_evidence = np.full(len(bets.log_gain), -np.inf)
    return found


def windows(place: Place, n_windows: int, seed: int, changed: float = 0.0) -> np.ndarray:
    """Return live windows, with *changed* of the events moved up by three deviations."""
    scores = normal_scores(
        place.events * n_windows, seed, correlation=place.correlation, shift=place.shift
    )
    scores[np.random.default_rng(seed).random(len(scores)) < changed] += 3.0
    return windows_of(pool_p_values(scores), place.events)


def bets_of(place: Place, seed: int) -> SegmentBets:
    """Return the bets that one drawn reference gives."""
    scores = normal_scores(place.n, seed, correlation=place.correlation, shift=place.shift)
    events = VIDEO if place.n < 16 * EVENTS else place.events
    return build_bets(windows_of(pool_p_values(scores), events))


def delay(place: Place, bets: SegmentBets, changed: float, seed: int) -> int:
    """Return the windows until a change of *changed* of the events is found."""
    found = first_alarms(bets, windows(place, LONGEST, seed, changed), only_first=True)
    return found[0] if found else LONGEST + 1


def row(place: Place, runs: int) -> tuple[dict[str, object], list[tuple[float, int]]]:
    """Return one line of the table, and each run's worth of reference and false alarms."""
    drawn = [bets_of(place, run) for run in range(runs)]
    alarms = [
        len(first_alarms(bets, windows(place, QUIET_WINDOWS, 1000 + run), only_first=False))
        for run, bets in enumerate(drawn)
    ]
    medians = {
        f"{changed:.0%}": int(
            np.median([delay(place, bets, changed, 2000 + run) for run, bets in enumerate(drawn)])
        )
        for changed in CHANGED
    }
    worth = [bets.effective_events for bets in drawn]
    line: dict[str, object] = {
        "correlation": place.correlation,
        "off the pool": place.shift,
        "reference": place.n,
        "a window": place.events,
        "worth": round(float(np.median(worth))),
        "no test": sum(not len(bets.log_gain) for bets in drawn),
        "false alarms": round(float(np.mean(alarms)), 2),
        "worst run": max(alarms),
        **medians,
    }
    return line, list(zip(worth, alarms, strict=True))


def main() -> None:
    """Print the table and write build/benchmarks/false_alarms.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=24)
    runs = parser.parse_args().runs
    rows, drawn = [], []
    for number, place in enumerate(GRID, start=1):
        line, pairs = row(place, runs)
        rows.append(line)
        drawn += pairs
        print(f"{number} of {len(GRID)} places", end="\r", file=sys.stderr, flush=True)
    worst = max(rows, key=lambda line: float(str(line["false alarms"])))
    promised = [alarms for worth, alarms in drawn if worth >= PROMISED_EVENTS]
    kept = sum(alarms <= ALLOWED for alarms in promised) / len(promised)
    unit = f"in {QUIET_WINDOWS} windows"
    most = float(str(worst["false alarms"]))
    figures = [
        Figure(
            "false alarms at the worst place", most, unit, f"at most {ALLOWED:g}", most <= ALLOWED
        ),
        Figure(
            "false alarms over all runs",
            round(float(np.mean([alarms for _, alarms in drawn])), 2),
            unit,
            f"at most {ALLOWED:g}",
            float(np.mean([alarms for _, alarms in drawn])) <= ALLOWED,
        ),
        Figure(
            f"references worth {PROMISED_EVENTS} and more that kept the budget themselves",
            round(100 * kept, 1),
            "%",
            "at least 95",
            kept >= 0.95,
        ),
    ]
    write_benchmark("false_alarms", rows, figures)


if __name__ == "__main__":
    main()
