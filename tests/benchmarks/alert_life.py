"""When a change is dated, when an alert ends, and when a change inside it is told; simulated.

Run: python -m tests.benchmarks.alert_life
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from driftgauge.agent.drift.alert_look import AlertLook, log_ratio
from driftgauge.agent.drift.baseline import Baseline, learn_baseline
from driftgauge.agent.drift.onset import look_back

from ..agent.drift.one_segment import OneSegment
from ..agent.drift.streams import EVENTS, normal_scores, pool_p_values, windows_of

START, MINUTE = datetime(2026, 3, 1, tzinfo=UTC), timedelta(minutes=1)
A = float(np.log(1000))
SEEDS, CHANGED, STEP = range(6), 60, 300
CORRELATIONS = (0.0, 0.5, 0.9, 0.97)

Windows = NDArray[np.int64]


def windows(seed: int, correlation: float, *parts: tuple[int, float]) -> Windows:
    """Return ``(windows, columns, bins)``: in each part so many, a share of whose events changed."""
    n_events = EVENTS * sum(n for n, _ in parts)
    rates = np.repeat([rate for _, rate in parts], [EVENTS * n for n, _ in parts])
    hit = 3.0 * (np.random.default_rng(seed).random(n_events) < rates)
    same = normal_scores(n_events, 100 * seed, correlation=correlation)
    own = [normal_scores(n_events, 100 * seed + k, correlation=correlation) for k in (1, 2, 3)]
    columns = [windows_of(pool_p_values(0.7 * same + 0.71 * each + hit)) for each in own]
    return np.stack(columns, axis=1)


def baseline_of(seed: int, correlation: float) -> Baseline | None:
    """Return the baseline of 128 reference windows."""
    return learn_baseline(windows(5000 + seed, correlation, (128, 0.0)))


def dated(seed: int, correlation: float, share: float) -> tuple[int, int, int] | None:
    """Return the window of the alarm, and how far the evidence's beginning and the alert's date are off."""
    baseline = baseline_of(seed, correlation)
    if baseline is None:
        return None
    segment, seen = OneSegment(baseline), windows(seed, correlation, (CHANGED, 0.0), (340, share))
    for number, counts in enumerate(seen):
        found = max(segment.add(counts, START + number * MINUTE).values())
        if number >= CHANGED and found >= A:
            evident = (segment.since("betting") - START) // MINUTE
            since = told_since(seen[: number + 1], baseline, evident)
            return number, abs(evident - CHANGED), abs(since - CHANGED)
    return None


def told_since(seen: Windows, baseline: Baseline, evident: int) -> int:
    """Return the window that an alert names which the last of *seen* raised."""

    def read(n_windows: int) -> tuple[Sequence[datetime], Windows]:
        first = max(len(seen) - n_windows, 0)
        return [START + n * MINUTE for n in range(first, len(seen))], seen[first:]

    since, _ = look_back(read, baseline.components, max(len(seen) - evident, 1))
    return (since - START) // MINUTE


def lived(seed: int, correlation: float, before: float, after: float) -> tuple[int, str, str]:
    """Return false news before the step, and how long after it news and end were told."""
    baseline = baseline_of(seed, correlation)
    if baseline is None:
        return 0, "-", "-"
    effects, reference = baseline.design_effects, baseline.reference
    seen = windows(seed, correlation, (STEP, before), (200, after))
    look, quiet, false, news = AlertLook.of(seen[:10].sum(axis=0)), 0, 0, "-"
    for number in range(10, len(seen)):
        look = look.seen(seen[number], START + number * MINUTE, reference, effects)
        if look.log_news >= A:
            recent = seen[(look.new_since - START) // MINUTE : number + 1].sum(axis=0)
            is_worse = log_ratio(recent, reference, look.counts, effects) <= 0
            false += is_worse and number < STEP
            news = str(number - STEP) if is_worse and number >= STEP and news == "-" else news
            look = AlertLook.of(recent)
        quiet = quiet + 1 if look.is_back else 0
        if quiet == 5:
            return false, news, str(number - STEP)
    return false, news, "-"


def main() -> None:
    """Print both tables."""
    print("| correlation | changed | alarm at | evidence off by | date off by (median, largest) |")
    print("|---|---|---|---|---|")
    for correlation in CORRELATIONS:
        for share in (0.05, 0.1, 0.3, 1.0):
            found = [dated(seed, correlation, share) for seed in SEEDS]
            alarms, evident, likely = np.array([row for row in found if row]).T
            print(
                f"| {correlation} | {share:.0%} | {np.median(alarms):.0f} | {np.median(evident):.0f}, "
                f"{evident.max()} | {np.median(likely):.0f}, {likely.max()} |",
                flush=True,
            )
    print(
        "\n| correlation | from, to | false news | news after | end after |\n|---|---|---|---|---|"
    )
    for correlation in CORRELATIONS:
        for before, after in ((0.13, 0.45), (0.13, 0.0), (0.3, 0.0), (1.0, 0.0), (0.13, 0.13)):
            rows = [lived(seed, correlation, before, after) for seed in SEEDS]
            false, news, ends = zip(*rows, strict=True)
            print(
                f"| {correlation} | {before:.0%}, {after:.0%} | {sum(false)} | {', '.join(news)} | "
                f"{', '.join(ends)} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
