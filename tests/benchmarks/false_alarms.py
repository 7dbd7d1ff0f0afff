"""False alarms and delays of the betting test over docs/method.md's grid, by simulation.

Run: python -m tests.benchmarks.false_alarms [--runs N]
"""

from __future__ import annotations

import argparse
import math

import numpy as np

from driftgauge.agent.drift.betting import SegmentBets, advance, build_bets, log_mean

from ..agent.drift.streams import EVENTS, normal_scores, pool_p_values, windows_of
from .table import Figure, write_benchmark

A = 1000.0
QUIET_WINDOWS = 3000
LONGEST = 300
CHANGED = (0.05, 0.1, 0.3, 1.0)
GRID = (
    *((0.0, 0.0, n) for n in (500, 2000, 5000)),
    *((0.0, 0.5, n) for n in (512, 2048, 8192)),
    *((correlation, 0.5, n) for correlation in (0.5, 0.9, 0.97) for n in (2048, 8192)),
)


def first_alarms(bets: SegmentBets, scores: np.ndarray, *, only_first: bool) -> list[int]:
    """Return the windows at which the segment alarms, counted from 1."""
    log_evidence = np.full(len(bets.log_gain), -np.inf)
    found = []
    for number, counts in enumerate(windows_of(pool_p_values(scores)), start=1):
        log_evidence = advance(log_evidence, bets.log_evidence(counts))
        if log_mean(log_evidence) >= math.log(A):
            found.append(number)
            if only_first:
                break
            log_evidence = np.full(len(bets.log_gain), -np.inf)
    return found


def delay(bets: SegmentBets, changed: float, seed: int, correlation: float, shift: float) -> int:
    """Return the windows until a change of *changed* of the events is found."""
    scores = normal_scores(EVENTS * LONGEST, seed, correlation=correlation, shift=shift)
    scores[np.random.default_rng(seed).random(len(scores)) < changed] += 3.0
    found = first_alarms(bets, scores, only_first=True)
    return found[0] if found else LONGEST + 1


def row(correlation: float, shift: float, n: int, runs: int) -> dict[str, object]:
    """Return one line of the table: means of alarms, medians of delays over *runs*."""
    alarms: list[int] = []
    delays: dict[float, list[int]] = {changed: [] for changed in CHANGED}
    for run in range(runs):
        reference = normal_scores(n, run, correlation=correlation, shift=shift)
        bets = build_bets(windows_of(pool_p_values(reference), 16 if n < 1000 else EVENTS))
        quiet = normal_scores(
            EVENTS * QUIET_WINDOWS, 1000 + run, correlation=correlation, shift=shift
        )
        alarms.append(len(first_alarms(bets, quiet, only_first=False)))
        for changed in CHANGED:
            delays[changed].append(delay(bets, changed, 2000 + run, correlation, shift))
    medians = {f"{changed:.0%}": int(np.median(found)) for changed, found in delays.items()}
    return {
        "correlation": correlation,
        "off the pool": shift,
        "reference": n,
        "false alarms": round(float(np.mean(alarms)), 2),
        "worst run": max(alarms),
        **medians,
    }


def main() -> None:
    """Print the table and write build/benchmarks/false_alarms.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=8)
    runs = parser.parse_args().runs
    rows = [row(*place, runs) for place in GRID]
    allowed = QUIET_WINDOWS / A
    figures = [
        Figure(
            f"false alarms, correlation {r['correlation']}, {r['reference']} reference events",
            float(str(r["false alarms"])),
            f"in {QUIET_WINDOWS} windows",
            f"at most {allowed:g}",
            float(str(r["false alarms"])) <= allowed,
        )
        for r in rows
    ]
    write_benchmark("false_alarms", rows, figures)


if __name__ == "__main__":
    main()
