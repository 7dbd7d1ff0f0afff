"""False alarms and delays of the default tests over docs/method.md's grid, by simulation.

With `--segments N`, each run is a stream of so many segments, each with its own reference; they share the budget.
With `--gross`, the rule for gross changes alone, at the places that promise nothing: it has no budget to keep.

Run: python -m tests.benchmarks.false_alarms [--runs N] [--budget A] [--segments N] [--accepted SHARE] [--tests NAME ...]
    [--gross]
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from driftgauge.agent.drift.baseline import (
    Baseline,
    effective_windows,
    learn_baseline,
)
from driftgauge.agent.drift.drift_test import DriftTest
from driftgauge.agent.drift.known_windows import KnownWindows
from driftgauge.agent.drift.promise import promised_windows
from driftgauge.agent.drift.tests.catalogue import DEFAULT_TESTS, choose_tests

from ..agent.drift.many_runs import alarms
from ..agent.drift.streams import EVENTS, normal_scores, pool_p_values, windows_of
from .table import Figure, write_benchmark

A = 1000.0
ALLOWED = 3.0
"""False alarms in the quiet windows of a run: they are so many times the budget."""
LONGEST = 300
MOST_TOLD = 24
"""Segments of a place that delays are measured on."""
NEVER = 1e300
"""A budget at which nothing alarms but the rule for gross changes."""
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

SHORT = (9, 11, 13, 14, 17, 18, 19, 21, 22, 23, 25, 26, 27, 28)
"""Places of the grid whose references are worth too little for a promise, counted from 1."""


def windows(place: Place, n_windows: int, seed: int, changed: float = 0.0) -> np.ndarray:
    """Return live windows, with *changed* of the events moved up by three deviations."""
    scores = normal_scores(
        place.events * n_windows, seed, correlation=place.correlation, shift=place.shift
    )
    scores[np.random.default_rng(seed).random(len(scores)) < changed] += 3.0
    return windows_of(pool_p_values(scores), place.events)[:, None]


def learnt(
    place: Place, seed: int, tests: Sequence[DriftTest], accepted: float = 0.0
) -> tuple[Baseline | None, float]:
    """Return the baseline that one drawn reference gives, and how many windows it is worth.

    A change of the share *accepted* of the events was accepted, as long as the reference.
    """
    scores = normal_scores(place.n, seed, correlation=place.correlation, shift=place.shift)
    events = VIDEO if place.n < 16 * EVENTS else place.events
    reference = windows_of(pool_p_values(scores), events)[:, None]
    worth = effective_windows(reference)
    if not accepted or learn_baseline(reference, tests) is None:
        return learn_baseline(reference, tests), worth
    changed = windows(place, len(reference), 5000 + seed, accepted)
    known = KnownWindows.of(reference).with_accepted(changed)
    return learn_baseline(known, tests, is_known=True), worth


def both_states(place: Place, n_windows: int, seed: int, accepted: float) -> np.ndarray:
    """Return windows that are in the accepted state and in the one before, a fifth of them at a time."""
    part = n_windows // 5
    states = [accepted, 0.0, accepted, 0.0, accepted] if accepted else [0.0] * 5
    return np.concatenate(
        [windows(place, part, seed + 10_000 * n, share) for n, share in enumerate(states)]
    )


@dataclass(frozen=True)
class Run:
    """One run: what its references are worth, at the median, whether all are tested, and its quiet alarms."""

    worth: float
    is_tested: bool
    alarms: int


@dataclass(frozen=True)
class Trial:
    """What is tried, at each place alike."""

    tests: Sequence[DriftTest]
    runs: int
    budget: float
    accepted: float
    segments: int = 1
    is_gross: bool = False

    @property
    def threshold(self) -> float:
        """At which each segment alarms."""
        return NEVER if self.is_gross else self.budget * self.segments

    def names(self, place: int) -> list[list[str]]:
        """Return the names of each run's segments."""
        return [
            [f"{place} {run * self.segments + n}" for n in range(self.segments)]
            for run in range(self.runs)
        ]


Drawn = dict[str, tuple[Place, int, Baseline | None, float]]
"""By name: a place, the seed of a segment there, its baseline and what the reference is worth."""


def draw(places: Sequence[Place], trial: Trial) -> Drawn:
    """Return the baselines of every run's segments at every place."""
    return {
        f"{number} {seed}": (place, seed, *learnt(place, seed, trial.tests, trial.accepted))
        for number, place in enumerate(places)
        for seed in range(trial.runs * trial.segments)
    }


def quiet_alarms(drawn: Drawn, trial: Trial) -> dict[str, int]:
    """Return the alarms of every segment in three times the budget of quiet windows, judged side by side."""
    n_windows = round(ALLOWED * trial.budget)
    live = {
        name: both_states(place, n_windows, 1000 + seed, trial.accepted)
        for name, (place, seed, _, _) in drawn.items()
    }
    baselines = {name: baseline for name, (_, _, baseline, _) in drawn.items()}
    found = alarms(baselines, live, trial.threshold, trial.tests)
    return {name: len(numbers) for name, numbers in found.items()}


def delays(drawn: Drawn, trial: Trial, changed: float) -> dict[str, int]:
    """Return the windows until each segment tells a change, `LONGEST` + 1 where it does not."""
    live = {
        name: windows(place, LONGEST, 2000 + seed, changed)
        for name, (place, seed, _, _) in drawn.items()
    }
    baselines = {name: baseline for name, (_, _, baseline, _) in drawn.items()}
    found = alarms(baselines, live, trial.threshold, trial.tests, only_first=True)
    return {name: (numbers or [LONGEST + 1])[0] for name, numbers in found.items()}


def measure(
    places: Sequence[Place], trial: Trial, *, told: Sequence[float]
) -> tuple[list[dict[str, object]], list[Run]]:
    """Return a line of the table for each place, and all runs."""
    drawn = draw(places, trial)
    quiet = quiet_alarms(drawn, trial)
    print("quiet windows judged", file=sys.stderr, flush=True)
    first = {name for number in range(len(places)) for name in first_names(trial, number)}
    shown = {name: each for name, each in drawn.items() if name in first}
    late = {changed: delays(shown, trial, changed) for changed in told}
    rows, all_runs = [], []
    for number, place in enumerate(places):
        done = [
            Run(
                float(np.median([drawn[n][3] for n in names])),
                all(drawn[n][2] is not None for n in names),
                sum(quiet[n] for n in names),
            )
            for names in trial.names(number)
        ]
        rows.append(
            line(place, done)
            | {
                f"{changed:.0%}": int(
                    np.median([late[changed][n] for n in first_names(trial, number)])
                )
                for changed in told
            }
        )
        all_runs += done
    return rows, all_runs


def first_names(trial: Trial, place: int) -> list[str]:
    """Return the segments whose delays are measured: so many are enough."""
    return [name for names in trial.names(place) for name in names][:MOST_TOLD]


def line(place: Place, done: Sequence[Run]) -> dict[str, object]:
    """Return what the table says of a place's quiet windows."""
    return {
        "correlation": place.correlation,
        "off the pool": place.shift,
        "reference": place.n,
        "a window": place.events,
        "worth windows": round(float(np.median([run.worth for run in done]))),
        "untested": sum(not run.is_tested for run in done),
        "false alarms": round(float(np.mean([run.alarms for run in done])), 2),
        "worst run": max(run.alarms for run in done),
    }


def main() -> None:
    """Print the table and write build/benchmarks/false_alarms.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--tests", nargs="+", help="instead of the default ones; of one alert")
    parser.add_argument("--budget", type=float, default=A, help="windows between false alarms")
    parser.add_argument(
        "--segments", type=int, default=1, help="of a stream; they share the budget"
    )
    parser.add_argument(
        "--accepted", type=float, default=0.0, help="share of events whose change was accepted"
    )
    parser.add_argument(
        "--places",
        type=int,
        nargs="+",
        help="lines of the grid, counted from 1; all of them if left out",
    )
    parser.add_argument("--reference", type=int, help="events of it, instead of the places' own")
    parser.add_argument("--gross", action="store_true", help="the rule for gross changes alone")
    chosen = parser.parse_args()
    tests = choose_tests(chosen.tests) if chosen.tests else DEFAULT_TESTS
    if chosen.gross:
        tests = choose_tests(["coarse", "gross"])
    trial = Trial(tests, chosen.runs, chosen.budget, chosen.accepted, chosen.segments, chosen.gross)
    everywhere = SHORT if chosen.gross else range(1, len(GRID) + 1)
    places = [GRID[number - 1] for number in chosen.places or everywhere]
    if chosen.reference:
        places = [replace(place, n=chosen.reference) for place in places]
    told = [changed for changed in CHANGED if changed > chosen.accepted]
    rows, drawn = measure(places, trial, told=told)
    if chosen.gross:
        write_benchmark("gross_changes", rows, gross_summary(rows))
    else:
        write_benchmark("false_alarms", rows, summary(rows, drawn, trial.threshold))


def gross_summary(rows: Sequence[Mapping[str, object]]) -> list[Figure]:
    """Return the rule's rate of false alarms, at the worst place and on average."""
    rates = [float(str(row["false alarms"])) / ALLOWED for row in rows]
    unit = f"in {A:g} quiet windows"
    return [
        Figure("false alarms of the rule at the worst place", round(max(rates), 2), unit),
        Figure("on average over the places", round(float(np.mean(rates)), 2), unit),
    ]


def summary(rows: list[dict[str, object]], drawn: list[Run], threshold: float) -> list[Figure]:
    """Return the figures: where the budget is promised, and where it is not."""
    needed = round(promised_windows(math.log(threshold)))
    promised = [r for r in rows if int(str(r["worth windows"])) >= needed]
    others = [r for r in rows if r not in promised]
    unit = "in three times the budget"
    most, elsewhere = (
        max([float(str(r["false alarms"])) for r in places], default=0.0)
        for places in (promised, others)
    )
    mean = round(float(np.mean([run.alarms for run in drawn])), 2)
    kept = [run.alarms <= ALLOWED for run in drawn if run.worth >= needed]
    share = float(np.mean(kept)) if kept else 1.0
    goal = f"at most {ALLOWED:g}"
    return [
        Figure("false alarms at the worst promised place", most, unit, goal, most <= ALLOWED),
        Figure("false alarms at the worst place without promise", elsewhere, unit),
        Figure("false alarms over all runs", mean, unit, goal, mean <= ALLOWED),
        Figure(
            f"references worth {needed} windows and more that kept the budget themselves",
            round(100 * share, 1),
            "%",
            "at least 95",
            share >= 0.95,
        ),
    ]


if __name__ == "__main__":
    main()
