"""Baselines that grow by quiet days, against those that stay: false alarms, faults and a slow ramp, by simulation.

Run: python -m tests.benchmarks.growth [--runs N] [--places N ...]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping

import numpy as np

from ..agent.drift.growing_runs import DAY, Course, grow_and_judge, simulated
from .false_alarms import A, Place
from .table import Figure, write_benchmark

PLACES = (
    Place(0.0, 0.5, 2048),
    Place(0.5, 0.5, 2048),
    Place(0.9, 0.5, 8192),
    Place(0.97, 0.5, 8192),
    Place(0.5, 0.5, 640, 16),
    Place(0.9, 0.5, 1280, 16),
    Place(0.97, 0.5, 1280, 16),
)
QUIET_WINDOWS = 3000
QUIET_DAYS = 10
FAULTS = (0.05, 0.1, 0.2)
FAULT_WINDOWS = 480
RAMP_FROM, RAMP_DAYS, RAMP_TO = 5 * DAY, 20, 0.2


def told_after(courses: Mapping[str, Course], begins: int, ends: int) -> int:
    """Return the median of windows from *begins* to the first alarm, one more than all where none came."""
    delays = [
        next((alarm - begins + 1 for alarm in course.alarms if alarm >= begins), ends - begins + 1)
        for course in courses.values()
    ]
    return int(np.median(delays))


def row(place: Place, runs: int, *, grows: bool) -> dict[str, object]:
    """Return one line of the table."""
    events, rho = place.events, place.correlation
    references = {str(run): simulated(place.n // events, events, run, rho) for run in range(runs)}

    def judge(hit: np.ndarray) -> dict[str, Course]:
        live = {n: simulated(len(hit), events, 1000 + int(n), rho, hit) for n in references}
        return grow_and_judge(references, live, A, grows=grows)

    quiet = judge(np.zeros(QUIET_WINDOWS)).values()
    begins = QUIET_DAYS * DAY
    delays = {}
    for share in FAULTS:
        hit = np.concatenate([np.zeros(begins), np.full(FAULT_WINDOWS, share)])
        delays[f"{share:.0%}"] = told_after(judge(hit), begins, len(hit))
    ramp = np.concatenate([np.zeros(RAMP_FROM), np.linspace(0.0, RAMP_TO, RAMP_DAYS * DAY)])
    return {
        "correlation": rho,
        "a window": events,
        "reference": place.n,
        "baseline": "grows" if grows else "stays",
        "false alarms": round(float(np.mean([len(course.alarms) for course in quiet])), 2),
        "worst run": max(len(course.alarms) for course in quiet),
        "days joined": round(float(np.mean([course.joined for course in quiet])), 1),
        "too far": round(float(np.mean([course.outside for course in quiet])), 1),
        **delays,
        "ramp": told_after(judge(ramp), RAMP_FROM, len(ramp)),
    }


def summary(rows: list[dict[str, object]]) -> list[Figure]:
    """Return the figures."""
    of = {kind: [r for r in rows if r["baseline"] == kind] for kind in ("stays", "grows")}
    alarms = {kind: sum(float(str(r["false alarms"])) for r in of[kind]) for kind in of}
    allowed = QUIET_WINDOWS / A
    worst = max(float(str(r["false alarms"])) for r in of["grows"])
    slower = [
        int(str(grown[name])) / int(str(fixed[name]))
        for fixed, grown in zip(of["stays"], of["grows"], strict=True)
        for name in (*(f"{share:.0%}" for share in FAULTS), "ramp")
    ]
    return [
        Figure(
            "false alarms at the worst place, growing",
            worst,
            f"in {QUIET_WINDOWS} windows",
            f"at most {allowed:g}",
            worst <= allowed,
        ),
        Figure(
            "false alarms over all places, growing to staying",
            round(alarms["grows"] / max(alarms["stays"], 1e-9), 2),
            "",
            "at most 1",
            alarms["grows"] <= alarms["stays"],
        ),
        Figure(
            "windows until told, growing to staying, median of faults and ramps",
            round(float(np.median(slower)), 2),
            "",
            "at most 1",
            bool(np.median(slower) <= 1.0),
        ),
    ]


def main() -> None:
    """Print the table and write build/benchmarks/growth.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=6)
    parser.add_argument(
        "--places",
        type=int,
        nargs="+",
        default=range(1, len(PLACES) + 1),
        help="lines of the table, counted from 1; all of them if left out",
    )
    chosen = parser.parse_args()
    rows = []
    for done, number in enumerate(chosen.places, start=1):
        rows += [row(PLACES[number - 1], chosen.runs, grows=grows) for grows in (False, True)]
        print(f"{done} of {len(chosen.places)} places", end="\r", file=sys.stderr, flush=True)
    write_benchmark("growth", rows, summary(rows))


if __name__ == "__main__":
    main()
