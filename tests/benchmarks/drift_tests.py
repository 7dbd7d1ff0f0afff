"""False alarms and delays of each drift test in the product's table, as `[monitor] tests` runs it.

Run: python -m tests.benchmarks.drift_tests [--runs N]
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from driftgauge.agent.drift.baseline import learn_baseline
from driftgauge.agent.drift.drift_test import DriftTest
from driftgauge.agent.drift.tests.catalogue import TESTS

from ..agent.drift.one_segment import OneSegment
from .drift import LONGEST, QUIET, REFERENCE, Counts, stream
from .table import Figure, write_benchmark

A = 1000.0
CHANGED = (0.1, 0.3, 1.0)
CORRELATIONS = (0.0, 0.5, 0.9)


def groups() -> list[Sequence[DriftTest]]:
    """Return the tests of each alert on the images; `label_shift` and `gross` have benchmarks of their own."""
    of_scores = [test for test in TESTS if not test.reads_labels and not test.is_unpromised]
    names = dict.fromkeys(test.alert for test in of_scores)
    return [[test for test in of_scores if test.alert == name] for name in names]


def alarms(tests: Sequence[DriftTest], reference: Counts, windows: Counts) -> list[int]:
    """Return the windows at which the tests alarm, counted from 1; they restart after each."""
    baseline = learn_baseline(reference[:, None], tests)
    if baseline is None:
        return []
    state, alert, found = OneSegment(baseline, tests), tests[0].alert, []
    for number, counts in enumerate(windows, start=1):
        moment = datetime.fromtimestamp(number, UTC)
        if state.add(counts[None], moment)[alert] >= math.log(A):
            found.append(number)
            state.restart(alert)
    return found


def row(tests: Sequence[DriftTest], correlation: float, runs: int) -> dict[str, object]:
    """Return one line of the table."""
    references = [stream(REFERENCE, run, correlation) for run in range(runs)]
    quiet = [
        len(alarms(tests, reference, stream(QUIET, 100 + run, correlation)))
        for run, reference in enumerate(references)
    ]
    medians = {}
    for changed in CHANGED:
        delays = [
            (
                alarms(tests, reference, stream(LONGEST, 200 + run, correlation, changed))
                or [LONGEST + 1]
            )[0]
            for run, reference in enumerate(references)
        ]
        medians[f"windows to {changed:.0%}"] = int(np.median(delays))
    return {
        "test": " + ".join(test.name for test in tests),
        "correlation": correlation,
        f"false alarms in {QUIET} windows": round(float(np.mean(quiet)), 2),
        "worst run": max(quiet),
        **medians,
    }


def main() -> None:
    """Print the table and write build/benchmarks/drift_tests.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    rows = []
    for tests in groups():
        for correlation in CORRELATIONS:
            rows.append(row(tests, correlation, runs))
            print(rows[-1], file=sys.stderr, flush=True)
    column = f"false alarms in {QUIET} windows"
    promised = [r for r in rows if r["test"] == "windows + betting + coarse"]
    most = max(float(str(r[column])) for r in promised)
    goal = f"at most {QUIET / A:g}"
    write_benchmark(
        "drift_tests",
        rows,
        [Figure("most false alarms of the tests with a budget", most, "", goal, most <= QUIET / A)],
    )


if __name__ == "__main__":
    main()
