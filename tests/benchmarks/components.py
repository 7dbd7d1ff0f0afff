"""What it costs to keep the states of a baseline apart, simulated: one state, two as one mixture, two components.

Run: python -m tests.benchmarks.components [--runs N]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np

from driftgauge.agent.drift.baseline import Baseline, learn_baseline
from driftgauge.agent.drift.known_windows import KnownWindows

from ..agent.drift.many_runs import alarms
from ..agent.drift.test_components import NIGHT, A, Counts, days, frozen, stream
from .table import Figure, write_benchmark

REFERENCE, ACCEPTED, LONGEST = 60, 24, 60
QUIET_DAYS = 30
CORRELATIONS = (0.0, 0.9)
CHANGES: dict[str, Callable[[int, float], Counts]] = {
    "frozen picture": lambda seed, rho: frozen(LONGEST, seed),
    "30 % of images three deviations off": lambda seed, rho: stream(
        LONGEST, seed, hit=0.3, rho=rho
    ),
    "10 %": lambda seed, rho: stream(LONGEST, seed, hit=0.1, rho=rho),
    "all 3.5 deviations off": lambda seed, rho: stream(LONGEST, seed, shift=3.5, rho=rho),
    "all one deviation more usual": lambda seed, rho: stream(LONGEST, seed, shift=-1.0, rho=rho),
}


def known_windows(seed: int, rho: float) -> dict[str, KnownWindows]:
    """Return the reference before a person accepted a change, and after it as a mixture and apart."""
    before = KnownWindows.of(stream(REFERENCE, seed, rho=rho))
    apart = before.with_accepted(stream(ACCEPTED, seed + 50, shift=NIGHT, rho=rho))
    one = np.zeros_like(apart.component_of)
    mixture = KnownWindows(apart.windows, one, apart.is_grown)
    return {"before the accept": before, "as one mixture": mixture, "as two components": apart}


def baselines(runs: int, rho: float) -> dict[str, dict[str, Baseline | None]]:
    """Return by kind the baselines of every run."""
    known = {str(run): known_windows(run, rho) for run in range(runs)}
    return {
        kind: {run: learn_baseline(each[kind], is_known=True) for run, each in known.items()}
        for kind in next(iter(known.values()))
    }


def median_delay(of: dict[str, Baseline | None], live: dict[str, Counts]) -> str:
    """Return the median of windows until the change is told."""
    found = alarms(of, live, A, only_first=True)
    median = float(np.median([first[0] if first else LONGEST + 1 for first in found.values()]))
    return f"over {LONGEST}" if median > LONGEST else f"{median:g}"


def main() -> None:
    """Print the table and write build/benchmarks/components.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=4)
    runs = parser.parse_args().runs
    rows, quiet = list[dict[str, object]](), 0
    for rho in CORRELATIONS:
        kinds = baselines(runs, rho)
        for name, change in CHANGES.items():
            live = {run: change(int(run) + 90, rho) for run in map(str, range(runs))}
            delays = {kind: median_delay(of, live) for kind, of in kinds.items()}
            rows.append({"correlation": rho, "what happens next": name} | delays)
        both = {
            run: days(QUIET_DAYS, 200 + 31 * int(run), rho=rho) for run in map(str, range(runs))
        }
        told = alarms(kinds["as two components"], both, A)
        quiet += sum(len(each) for each in told.values())
    allowed = len(CORRELATIONS) * runs * QUIET_DAYS * 40 / A
    figure = Figure(
        "false alarms while both states take turns",
        quiet,
        f"in {allowed * A:g} windows",
        f"at most {allowed:g}",
        quiet <= allowed,
    )
    write_benchmark("components", rows, [figure])


if __name__ == "__main__":
    main()
