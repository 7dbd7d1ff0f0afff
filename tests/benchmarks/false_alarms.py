"""False alarms and delays of the default tests over docs/method.md's grid, by simulation.

Run: python -m tests.benchmarks.false_alarms [--runs N] [--tests NAME ...]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from driftgauge.agent.drift.baseline import (
    PROMISED_WINDOWS,
    Baseline,
    effective_windows,
    learn_baseline,
)
from driftgauge.agent.drift.drift_test import DriftTest
from driftgauge.agent.drift.tests.catalogue import DEFAULT_TESTS, choose_tests

from ..agent.drift.many_runs import alarms
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


def windows(place: Place, n_windows: int, seed: int, changed: float = 0.0) -> np.ndarray:
    """Return live windows, with *changed* of the events moved up by three deviations."""
    scores = normal_scores(
        place.events * n_windows, seed, correlation=place.correlation, shift=place.shift
    )
    scores[np.random.default_rng(seed).random(len(scores)) < changed] += 3.0
    return windows_of(pool_p_values(scores), place.events)[:, None]


def learnt(place: Place, seed: int, tests: Sequence[DriftTest]) -> tuple[Baseline | None, float]:
    """Return the baseline that one drawn reference gives, and how many windows it is worth."""
    scores = normal_scores(place.n, seed, correlation=place.correlation, shift=place.shift)
    events = VIDEO if place.n < 16 * EVENTS else place.events
    reference = windows_of(pool_p_values(scores), events)[:, None]
    return learn_baseline(reference, tests), effective_windows(reference)


@dataclass(frozen=True)
class Run:
    """One drawn reference: what it is worth, whether it is tested, and its quiet alarms."""

    worth: float
    is_tested: bool
    alarms: int


def row(place: Place, runs: int, tests: Sequence[DriftTest]) -> tuple[dict[str, object], list[Run]]:
    """Return one line of the table, and its runs."""
    drawn = {str(run): learnt(place, run, tests) for run in range(runs)}
    baselines = {name: baseline for name, (baseline, _) in drawn.items()}

    def live(n_windows: int, seed: int, changed: float = 0.0) -> dict[str, np.ndarray]:
        return {name: windows(place, n_windows, seed + int(name), changed) for name in drawn}

    quiet = alarms(baselines, live(QUIET_WINDOWS, 1000), A, tests)
    medians = {}
    for changed in CHANGED:
        found = alarms(baselines, live(LONGEST, 2000, changed), A, tests, only_first=True)
        delays = [first[0] if first else LONGEST + 1 for first in found.values()]
        medians[f"{changed:.0%}"] = int(np.median(delays))
    done = [
        Run(worth, baseline is not None, len(quiet[name]))
        for name, (baseline, worth) in drawn.items()
    ]
    return {
        "correlation": place.correlation,
        "off the pool": place.shift,
        "reference": place.n,
        "a window": place.events,
        "worth windows": round(float(np.median([run.worth for run in done]))),
        "untested": sum(not run.is_tested for run in done),
        "false alarms": round(float(np.mean([run.alarms for run in done])), 2),
        "worst run": max(run.alarms for run in done),
        **medians,
    }, done


def main() -> None:
    """Print the table and write build/benchmarks/false_alarms.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--tests", nargs="+", help="instead of the default ones; of one alert")
    chosen = parser.parse_args()
    tests = choose_tests(chosen.tests) if chosen.tests else DEFAULT_TESTS
    rows, drawn = [], []
    for number, place in enumerate(GRID, start=1):
        line, done = row(place, chosen.runs, tests)
        rows.append(line)
        drawn += done
        print(f"{number} of {len(GRID)} places", end="\r", file=sys.stderr, flush=True)
    write_benchmark("false_alarms", rows, summary(rows, drawn))


def summary(rows: list[dict[str, object]], drawn: list[Run]) -> list[Figure]:
    """Return the figures: where the budget is promised, and where it is not."""
    promised = [r for r in rows if int(str(r["worth windows"])) >= PROMISED_WINDOWS]
    others = [r for r in rows if r not in promised]
    unit = f"in {QUIET_WINDOWS} windows"
    most, elsewhere = (
        max(float(str(r["false alarms"])) for r in places) for places in (promised, others)
    )
    mean = round(float(np.mean([run.alarms for run in drawn])), 2)
    kept = np.mean([run.alarms <= ALLOWED for run in drawn if run.worth >= PROMISED_WINDOWS])
    goal = f"at most {ALLOWED:g}"
    return [
        Figure("false alarms at the worst promised place", most, unit, goal, most <= ALLOWED),
        Figure("false alarms at the worst place without promise", elsewhere, unit),
        Figure("false alarms over all runs", mean, unit, goal, mean <= ALLOWED),
        Figure(
            f"references worth {PROMISED_WINDOWS} windows and more that kept the budget themselves",
            round(100 * float(kept), 1),
            "%",
            "at least 95",
            bool(kept >= 0.95),
        ),
    ]


if __name__ == "__main__":
    main()
