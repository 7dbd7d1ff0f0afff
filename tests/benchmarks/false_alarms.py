"""False alarms and delays of the betting test over docs/method.md's grid, by simulation.

Run: python -m tests.benchmarks.false_alarms [--runs N] [--events-only]
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from driftgauge.agent.drift.baseline import (
    PROMISED_EVENTS,
    Baseline,
    effective_sample_size,
    learn_baseline,
)
from driftgauge.agent.drift.tests.catalogue import DEFAULT_TESTS, choose_tests

from ..agent.drift.one_segment import OneSegment
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


def alarms_of(baseline: Baseline | None, windows: np.ndarray, *, only_first: bool) -> list[int]:
    """Return the windows at which the segment alarms, counted from 1."""
    if baseline is None:
        return []
    tests = [test for test in DEFAULT_TESTS if test.name in baseline.tests]
    state, found = OneSegment(baseline, tests), []
    for number, counts in enumerate(windows, start=1):
        moment = datetime.fromtimestamp(number, UTC)
        if state.add(counts[None], moment)["betting"] >= math.log(A):
            found.append(number)
            if only_first:
                break
            state.restart("betting")
    return found


def windows(place: Place, n_windows: int, seed: int, changed: float = 0.0) -> np.ndarray:
    """Return live windows, with *changed* of the events moved up by three deviations."""
    scores = normal_scores(
        place.events * n_windows, seed, correlation=place.correlation, shift=place.shift
    )
    scores[np.random.default_rng(seed).random(len(scores)) < changed] += 3.0
    return windows_of(pool_p_values(scores), place.events)


def learnt(place: Place, seed: int, *, events_only: bool) -> tuple[Baseline | None, float]:
    """Return the baseline that one drawn reference gives, and its effective sample size."""
    scores = normal_scores(place.n, seed, correlation=place.correlation, shift=place.shift)
    events = VIDEO if place.n < 16 * EVENTS else place.events
    reference = windows_of(pool_p_values(scores), events)[:, None]
    tests = choose_tests(["betting"]) if events_only else DEFAULT_TESTS
    return learn_baseline(reference, tests), effective_sample_size(reference)


def delay(place: Place, baseline: Baseline | None, changed: float, seed: int) -> int:
    """Return the windows until a change of *changed* of the events is found."""
    found = alarms_of(baseline, windows(place, LONGEST, seed, changed), only_first=True)
    return found[0] if found else LONGEST + 1


def row(
    place: Place, runs: int, *, events_only: bool
) -> tuple[dict[str, object], list[tuple[float, int]]]:
    """Return one line of the table, and each run's worth of reference and false alarms."""
    drawn = [learnt(place, run, events_only=events_only) for run in range(runs)]
    alarms = [
        len(alarms_of(baseline, windows(place, QUIET_WINDOWS, 1000 + run), only_first=False))
        for run, (baseline, _) in enumerate(drawn)
    ]
    medians = {
        f"{changed:.0%}": int(
            np.median(
                [
                    delay(place, baseline, changed, 2000 + run)
                    for run, (baseline, _) in enumerate(drawn)
                ]
            )
        )
        for changed in CHANGED
    }
    line: dict[str, object] = {
        "correlation": place.correlation,
        "off the pool": place.shift,
        "reference": place.n,
        "a window": place.events,
        "effective": round(float(np.median([worth for _, worth in drawn]))),
        "untested": sum(baseline is None for baseline, _ in drawn),
        "false alarms": round(float(np.mean(alarms)), 2),
        "worst run": max(alarms),
        **medians,
    }
    return line, [(worth, count) for (_, worth), count in zip(drawn, alarms, strict=True)]


def main() -> None:
    """Print the table and write build/benchmarks/false_alarms.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--events-only", action="store_true", help="without whole windows")
    chosen = parser.parse_args()
    rows, drawn = [], []
    for number, place in enumerate(GRID, start=1):
        line, pairs = row(place, chosen.runs, events_only=chosen.events_only)
        rows.append(line)
        drawn += pairs
        print(f"{number} of {len(GRID)} places", end="\r", file=sys.stderr, flush=True)
    write_benchmark(
        "false_alarms_events" if chosen.events_only else "false_alarms",
        rows,
        summary(rows, drawn),
    )


def summary(rows: list[dict[str, object]], drawn: list[tuple[float, int]]) -> list[Figure]:
    """Return the figures: where the budget is promised, and where it is not."""
    promised = [r for r in rows if int(str(r["effective"])) >= PROMISED_EVENTS]
    others = [r for r in rows if r not in promised]
    unit = f"in {QUIET_WINDOWS} windows"
    most, elsewhere = (
        max(float(str(r["false alarms"])) for r in places) for places in (promised, others)
    )
    mean = round(float(np.mean([alarms for _, alarms in drawn])), 2)
    kept = np.mean([alarms <= ALLOWED for worth, alarms in drawn if worth >= PROMISED_EVENTS])
    goal = f"at most {ALLOWED:g}"
    return [
        Figure("false alarms at the worst promised place", most, unit, goal, most <= ALLOWED),
        Figure("false alarms at the worst place without promise", elsewhere, unit),
        Figure("false alarms over all runs", mean, unit, goal, mean <= ALLOWED),
        Figure(
            f"references worth {PROMISED_EVENTS} and more that kept the budget themselves",
            round(100 * float(kept), 1),
            "%",
            "at least 95",
            bool(kept >= 0.95),
        ),
    ]


if __name__ == "__main__":
    main()
