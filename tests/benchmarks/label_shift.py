"""False alarms and delays of `label_shift` on simulated predictions, beside the population stability index.

Run: python -m tests.benchmarks.label_shift [--runs N]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence

import numpy as np

from driftgauge.agent.drift.baseline import Baseline, learn_baseline
from driftgauge.agent.drift.label_reference import ReferenceLabels
from driftgauge.agent.drift.tests.catalogue import choose_tests

from ..agent.drift.label_streams import Counts, label_windows, with_scores
from ..agent.drift.many_runs import alarms
from .table import Figure, write_benchmark

A = 1000.0
QUIET, LONGEST = 3000, 200
ALLOWED = QUIET / A
TESTS = choose_tests(["label_shift"])
PLACES = (
    *((0.0, 32, n) for n in (16, 64, 256)),
    *((0.5, 32, n) for n in (16, 64, 256)),
    *((0.9, 32, n) for n in (64, 256)),
    *((0.5, 16, n) for n in (32, 128)),
)
"""How often an event is of the class of the one before, events of a window, reference windows."""

CHANGES: Mapping[str, dict[str, Sequence[float]]] = {
    "one class alone": {"mix": (0.0, 1.0)},
    "10 points to another class": {"mix": (0.3, 0.3, 0.25, 0.1, 0.05)},
    "a class gone": {"mix": (0.0, 0.5, 0.25, 1 / 6, 1 / 12)},
    "less sure": {"sure": (0.15, 0.1, 0.05, 0.05, 0.1, 0.1, 0.15, 0.15, 0.15)},
}
PSI_LIMIT = 0.25


def psi_alarms(reference: Counts, windows: Counts) -> list[int]:
    """Return the windows whose stability index is above the usual limit, counted from 1."""
    counted = reference[:, 0].sum(axis=0)
    normal = counted[counted > 0] / counted.sum()
    now = windows[:, 0][:, counted > 0] + 0.5
    now = now / now.sum(axis=1, keepdims=True)
    index = ((now - normal) * np.log(now / normal)).sum(axis=1)
    return [int(n) for n in np.flatnonzero(index > PSI_LIMIT) + 1]


def row(stays: float, events: int, n_reference: int, runs: int) -> dict[str, object]:
    """Return one line of the table."""

    def live(n: int, seed: int, **change: Sequence[float]) -> dict[str, Counts]:
        return {
            str(run): label_windows(n, seed + run, stays=stays, events=events, **change)
            for run in range(runs)
        }

    references = live(n_reference, 0)
    baselines: dict[str, Baseline | None] = {
        name: learn_baseline(with_scores(windows), TESTS) for name, windows in references.items()
    }
    quiet = live(QUIET, 1000)
    found = alarms(baselines, {n: with_scores(w) for n, w in quiet.items()}, A, TESTS)
    psi = [len(psi_alarms(references[name], quiet[name])) for name in references]
    medians = {}
    for name, change in CHANGES.items():
        changed = {n: with_scores(w) for n, w in live(LONGEST, 5000, **change).items()}
        first = alarms(baselines, changed, A, TESTS, only_first=True)
        delays = [numbers[0] if numbers else LONGEST + 1 for numbers in first.values()]
        medians[name] = int(np.median(delays))
    worth = [ReferenceLabels(windows).effective_windows for windows in references.values()]
    return {
        "stays": stays,
        "a window": events,
        "reference windows": n_reference,
        "worth": round(float(np.median(worth))),
        "untested": sum("label_shift" not in b.tests for b in baselines.values() if b),
        "false alarms": round(float(np.mean([len(numbers) for numbers in found.values()])), 2),
        "worst run": max(len(numbers) for numbers in found.values()),
        **medians,
        "false alarms of the index": round(float(np.mean(psi)), 1),
    }


def main() -> None:
    """Print the table and write build/benchmarks/label_shift.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=8)
    runs = parser.parse_args().runs
    rows = []
    for place in PLACES:
        rows.append(row(*place, runs))
        print(rows[-1], file=sys.stderr, flush=True)
    most = max(float(str(r["false alarms"])) for r in rows)
    figure = Figure(
        "false alarms at the worst place",
        most,
        f"in {QUIET} windows",
        f"at most {ALLOWED:g}",
        most <= ALLOWED,
    )
    write_benchmark("label_shift", rows, [figure])


if __name__ == "__main__":
    main()
