"""Events to alarm of the betting test against river's tests, at equal measured false alarms.

Every test judges the same windows. River's get the mean of -log p of each window, standardised on
the reference, after the reference itself. Each test's parameter is taken from a grid: the one that
alarms soonest among those with at most one false alarm in 1,000 quiet windows, measured here.

Run: python -m tests.benchmarks.drift [--runs N]
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial

import numpy as np
from numpy.typing import NDArray
from river import drift as rivals  # noqa: TID251 - compared with, not part of the product

from driftgauge.agent.alert.surprise import mean_surprise
from driftgauge.agent.drift.baseline import learn_baseline
from driftgauge.agent.drift.rate import ood_rate

from ..agent.drift.one_segment import OneSegment
from ..agent.drift.streams import EVENTS, normal_scores, pool_p_values, windows_of
from .table import Figure, write_benchmark

Counts = NDArray[np.int64]
Judge = Callable[[Counts], bool]
Test = Callable[[Counts], Iterator[Judge]]
"""From a reference, judges without end: the next after each alarm."""

REFERENCE = 128
QUIET = 1000
LONGEST = 200
ALLOWED = 1.0
CHANGED = (0.05, 0.1, 0.3, 1.0)
CORRELATIONS = (0.0, 0.5, 0.9)
SHIFT = 0.5
ALPHA = 0.01


def betting(threshold: float) -> Test:
    """Return the product's test, which alarms at *threshold*."""

    def judges(reference: Counts) -> Iterator[Judge]:
        baseline = learn_baseline(reference[:, None])
        if baseline is None:
            return
        state, second = OneSegment(baseline), 0

        def judge(counts: Counts) -> bool:
            nonlocal second
            second += 1
            moment = datetime.fromtimestamp(second, UTC)
            return state.add(counts[None], moment)["betting"] >= math.log(threshold)

        while True:
            yield judge
            state.restart("betting")

    return judges


def on_means(make: Callable[[], rivals.ADWIN]) -> Test:
    """Return a river test on window means."""

    def judges(reference: Counts) -> Iterator[Judge]:
        means = mean_surprise(reference)
        centre, spread = means.mean(), means.std()
        while True:
            detector = make()
            for value in (means - centre) / spread:
                detector.update(value)

            def judge(counts: Counts, detector: rivals.ADWIN = detector) -> bool:
                detector.update((float(mean_surprise(counts)) - centre) / spread)
                return bool(detector.drift_detected)

            yield judge

    return judges


def cusum(drift: float, threshold: float) -> Test:
    """Return a one-sided CUSUM on standardised window means."""

    def judges(reference: Counts) -> Iterator[Judge]:
        means = mean_surprise(reference)
        centre, spread = means.mean(), means.std()
        while True:
            total = 0.0

            def judge(counts: Counts) -> bool:
                nonlocal total
                step = (float(mean_surprise(counts)) - centre) / spread - drift
                total = max(0.0, total + step)
                return bool(total > threshold)

            yield judge

    return judges


def rate_rule(times: float, in_a_row: int) -> Test:
    """Return the rule of ten lines: the rate several times its normal in windows in a row."""

    def judges(reference: Counts) -> Iterator[Judge]:
        normal = max(ood_rate(reference.sum(axis=0), ALPHA), 1e-3)
        while True:
            run = 0

            def judge(counts: Counts) -> bool:
                nonlocal run
                run = run + 1 if ood_rate(counts, ALPHA) >= times * normal else 0
                return run >= in_a_row

            yield judge

    return judges


def conformal(threshold: float) -> Test:
    """Return a conformal test martingale in Shiryaev and Roberts' form; the reference stays fixed.

    Its p-value is the rank of a window's mean among those of the reference; power bets on it are averaged.
    """
    exponents = np.array([0.05, 0.1, 0.2, 0.4, 0.7])

    def judges(reference: Counts) -> Iterator[Judge]:
        means = mean_surprise(reference)
        while True:
            evidence = np.zeros(len(exponents))

            def judge(counts: Counts) -> bool:
                nonlocal evidence
                rank = (1 + np.sum(means >= float(mean_surprise(counts)))) / (1 + len(means))
                evidence = (1.0 + evidence) * exponents * rank ** (exponents - 1.0)
                return bool(evidence.mean() >= threshold)

            yield judge

    return judges


def online_mmd(n_windows: int, deviations: float) -> Test:
    """Return the squared maximum mean discrepancy of the last windows to the reference's.

    A window is the square roots of its histogram's shares; the kernel is Gaussian, of the median distance.
    It alarms so many deviations above the mean of the same statistic inside the reference.
    """

    def judges(reference: Counts) -> Iterator[Judge]:
        known = _roots(reference)
        distances = ((known[:, None] - known[None]) ** 2).sum(axis=-1)
        width = float(np.median(distances[distances > 0]))
        kernel = np.exp(-distances / width)
        inside = [
            _mmd(kernel[first : first + n_windows, first : first + n_windows], kernel, rows)
            for first in range(len(known) - n_windows)
            for rows in [slice(first, first + n_windows)]
        ]
        limit = float(np.mean(inside) + deviations * np.std(inside))
        while True:
            last: list[NDArray[np.float64]] = []

            def judge(counts: Counts, last: list[NDArray[np.float64]] = last) -> bool:
                last.append(_roots(counts[None])[0])
                del last[:-n_windows]
                if len(last) < n_windows:
                    return False
                seen = np.stack(last)
                own = np.exp(-((seen[:, None] - seen[None]) ** 2).sum(axis=-1) / width)
                cross = np.exp(-((seen[:, None] - known[None]) ** 2).sum(axis=-1) / width)
                return bool(own.mean() + kernel.mean() - 2 * cross.mean() > limit)

            yield judge

    return judges


def _roots(counts: Counts) -> NDArray[np.float64]:
    """Return the square roots of the shares of each window, ``(windows, bins)``."""
    roots: NDArray[np.float64] = np.sqrt(counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1))
    return roots


def _mmd(own: NDArray[np.float64], kernel: NDArray[np.float64], rows: slice) -> float:
    return float(own.mean() + kernel.mean() - 2 * kernel[rows].mean())


TESTS: dict[str, list[tuple[str, Test]]] = {
    "betting": [(f"A {a:g}", betting(a)) for a in (30.0, 100.0, 300.0, 1000.0)],
    "adwin": [
        (f"delta {d:g}", on_means(partial(rivals.ADWIN, delta=d, clock=1)))
        for d in (0.1, 0.01, 1e-3, 1e-5, 1e-8)
    ],
    "page_hinkley": [
        (
            f"delta {d:g}, threshold {t:g}",
            on_means(partial(rivals.PageHinkley, delta=d, threshold=t)),
        )
        for d in (0.25, 0.5, 1.0)
        for t in (5.0, 10.0, 20.0)
    ],
    "kswin": [
        (
            f"alpha {a:g}, {n} windows",
            on_means(partial(rivals.KSWIN, alpha=a, window_size=100, stat_size=n, seed=1)),
        )
        for a in (1e-3, 1e-4, 1e-6)
        for n in (10, 30)
    ],
}
TESTS["cusum"] = [
    (f"drift {d:g}, threshold {t:g}", cusum(d, t))
    for d in (0.25, 0.5, 1.0)
    for t in (4.0, 6.0, 10.0, 20.0)
]
TESTS["rate rule"] = [
    (f"{times:g} times normal, {n} in a row", rate_rule(times, n))
    for times in (2.0, 3.0, 5.0)
    for n in (1, 2, 3)
]
TESTS["conformal martingale"] = [
    (f"A {a:g}", conformal(a)) for a in (30.0, 100.0, 300.0, 1000.0, 1e4)
]
TESTS["online MMD"] = [
    (f"{n} windows, {d:g} deviations", online_mmd(n, d))
    for n in (1, 3, 8)
    for d in (3.0, 5.0, 8.0, 12.0)
]
DEFAULTS: dict[str, Test] = {
    "conformal martingale": conformal(1000.0),
    "online MMD": online_mmd(3, 5.0),
    "cusum": cusum(0.5, 5.0),
    "rate rule": rate_rule(5.0, 3),
    "adwin": on_means(rivals.ADWIN),
    "page_hinkley": on_means(rivals.PageHinkley),
    "kswin": on_means(lambda: rivals.KSWIN(seed=1)),
}


def stream(n_windows: int, seed: int, correlation: float, changed: float = 0.0) -> Counts:
    """Return windows of one camera."""
    scores = normal_scores(EVENTS * n_windows, seed, correlation=correlation, shift=SHIFT)
    scores[np.random.default_rng(seed).random(len(scores)) < changed] += 3.0
    return windows_of(pool_p_values(scores))


def count_alarms(test: Test, reference: Counts, windows: Counts) -> int:
    """Return how often a test alarms; it begins anew after each."""
    judges = test(reference)
    judge, alarms = next(judges), 0
    for counts in windows:
        if judge(counts):
            alarms, judge = alarms + 1, next(judges)
    return alarms


def windows_to_alarm(test: Test, reference: Counts, windows: Counts) -> int:
    """Return the window of the first alarm, counted from 1, or one more than there are."""
    judge = next(test(reference))
    for number, counts in enumerate(windows, start=1):
        if judge(counts):
            return number
    return len(windows) + 1


def measure(test: Test, correlation: float, runs: int) -> tuple[float, list[int]]:
    """Return false alarms in `QUIET` windows, and the median windows to alarm of each change."""
    references = [stream(REFERENCE, run, correlation) for run in range(runs)]
    alarms = [
        count_alarms(test, reference, stream(QUIET, 100 + run, correlation))
        for run, reference in enumerate(references)
    ]
    if np.mean(alarms) > ALLOWED:
        return float(np.mean(alarms)), []
    delays = [
        [
            windows_to_alarm(test, reference, stream(LONGEST, 200 + run, correlation, changed))
            for run, reference in enumerate(references)
        ]
        for changed in CHANGED
    ]
    return float(np.mean(alarms)), [int(np.median(found)) for found in delays]


def best(name: str, correlation: float, runs: int) -> dict[str, object]:
    """Return a test's line with the parameter that alarms soonest within the allowed."""
    tried = [(label, *measure(test, correlation, runs)) for label, test in TESTS[name]]
    within = [(label, alarms, delays) for label, alarms, delays in tried if delays]
    line: dict[str, object] = {"correlation": correlation, "test": name}
    if name in DEFAULTS:
        line["false alarms, default"] = measure(DEFAULTS[name], correlation, runs)[0]
    else:
        line["false alarms, default"] = next(a for label, a, _ in tried if label == "A 1000")
    if not within:
        return {**line, "parameter": "none", "false alarms": "-"}
    label, alarms, delays = min(within, key=lambda found: sum(np.log(found[2])))
    events = {f"{c:.0%}": EVENTS * d for c, d in zip(CHANGED, delays, strict=True)}
    return {**line, "parameter": label, "false alarms": alarms, **events}


def main() -> None:
    """Print the table and write build/benchmarks/drift.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--tests", nargs="+", choices=list(TESTS), default=list(TESTS))
    chosen = parser.parse_args()
    runs, rows = chosen.runs, []
    for correlation in CORRELATIONS:
        for name in chosen.tests:
            rows.append(best(name, correlation, runs))
            print(rows[-1], file=sys.stderr, flush=True)
    figures = []
    for correlation in CORRELATIONS if "betting" in chosen.tests else ():
        here = {str(row["test"]): row for row in rows if row["correlation"] == correlation}
        for change in (f"{changed:.0%}" for changed in CHANGED):
            ours = int(str(here["betting"].get(change, EVENTS * (LONGEST + 1))))
            theirs = [
                int(str(row[change])) for n, row in here.items() if n != "betting" and change in row
            ]
            ratio = round(ours / min(theirs), 2) if theirs else 0.0
            figures.append(
                Figure(
                    f"events to alarm over the best rival's, {change} changed, correlation {correlation}",
                    ratio,
                    "",
                    "at most 0.5",
                    ratio <= 0.5,
                )
            )
    write_benchmark("drift", rows, figures)


if __name__ == "__main__":
    main()
