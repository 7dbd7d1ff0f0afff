"""Retraining: a season of a real camera, and twenty rounds on stationary traffic.

Run: python -m tests.benchmarks.retrain FOLDER [--only rounds|season|learnt|attack|warm|throughput] [--days N]
(the folder of the camera streams; about half an hour)
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ..agent.retrain.test_rounds import MOST_OUTSIDE, spread
from ..agent.retrain.traffic import World, rounds
from . import learnt
from .attack import run_attacks
from .season_report import run_season
from .table import Figure, write_benchmark
from .throughput import throughput_part
from .warm_start import run_warm_start

ROUNDS = 20
WORLDS = ((1, 0.0), (2, 0.3))
"""Seed, and how much the frames of a run resemble each other."""

Rows = list[dict[str, object]]
Result = tuple[Rows, list[Figure]]


def rounds_part(given: argparse.Namespace) -> Result:
    """Retrain twenty times on stationary traffic; the rate at alpha and the width of the reference."""
    rows: Rows = []
    figures = []
    for seed, resemblance in WORLDS:
        with tempfile.TemporaryDirectory() as folder:
            told = rounds(Path(folder), World(seed, resemblance=resemblance), ROUNDS)
        first, last = spread(told)
        outside = sum(not one.holds for one in told)
        rows.append({
            "resemblance": resemblance,
            "passed": sum(one.state == "passed" for one in told),
            "rate after each round, %": " ".join(f"{100 * one.rate:.1f}" for one in told),
        })  # fmt: skip
        name = f"resemblance {resemblance:g}"
        mean = float(np.mean([one.rate for one in told]))
        figures += [
            Figure(f"{name}: mean rate at 1 %", round(100 * mean, 2), "%"),
            Figure(f"{name}: rounds outside their 99 % interval", outside, f"of {ROUNDS}", f"at most {MOST_OUTSIDE}", outside <= MOST_OUTSIDE),
            Figure(f"{name}: first reference unusual, first ten rounds", round(100 * first, 2), "%"),
            Figure(f"{name}: first reference unusual, last ten rounds", round(100 * last, 2), "%"),
        ]  # fmt: skip
    return rows, figures


def season_part(given: argparse.Namespace) -> Result:
    """Live through a month of a real camera."""
    table, faults, figures = run_season(
        given.folder, days=given.days, method=given.method, drawn=given.plot
    )
    return [*table, *({"fault": row["fault"], **row} for row in faults)], figures


def learnt_part(given: argparse.Namespace) -> Result:
    """Call stretches of two real cameras normal, with a fault and without."""
    return learnt.learnt_part(given.folder, given.method)


def attack_part(given: argparse.Namespace) -> Result:
    """Try to have faults learnt as normal."""
    return run_attacks(given.folder, given.method)


def scoring_part(given: argparse.Namespace) -> Result:
    """Score pictures while a retraining runs, and without."""
    return throughput_part(given.pixels)


def warm_start_part(given: argparse.Namespace) -> Result:
    """Begin the denoiser from the active one, and anew."""
    return run_warm_start(given.folder)


PARTS: dict[str, Callable[[argparse.Namespace], Result]] = {
    "rounds": rounds_part,
    "season": season_part,
    "learnt": learnt_part,
    "attack": attack_part,
    "warm": warm_start_part,
    "throughput": scoring_part,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables and write build/benchmarks/retrain.json, or retrain_PART.json for one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=list(PARTS))
    parser.add_argument("--plot", type=Path, default=Path("build/benchmarks/season.svg"))
    parser.add_argument("--days", type=float, default=6.0, help="between two retrainings")
    parser.add_argument("--method", default="combined")
    parser.add_argument("--pixels", type=int, nargs="+", default=[160, 224])
    given = parser.parse_args(arguments)
    every: list[Figure] = []
    rows: Rows = []
    for name in [given.only] if given.only else PARTS:
        found, figures = PARTS[name](given)
        for row in found:
            print(row)
        rows += [{"part": name, "row": row} for row in found]
        every += figures
    write_benchmark(
        f"retrain_{given.only}" if given.only else "retrain", rows, every, hidden=("row",)
    )


if __name__ == "__main__":
    main()
