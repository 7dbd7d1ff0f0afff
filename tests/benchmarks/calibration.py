"""Realised false alarms of the default detector on real images, over many random splits.

The networks are fitted once for each reference, on a third of its training pack that is used for
nothing else. What is left is dealt out again and again, and each split calibrates anew:

- ``re-dealt``: cal-A, cal-B and fresh images are thirds of the rest of the training pack and the
  test pack together, in random order. Counts then follow `allowed_counts` exactly if ranks are right.
- ``test pack``: cal-A and cal-B are random thirds of the rest of the training pack, fresh images a
  random half of the test pack. It adds whether the packs are alike; splits share images, so that
  their counts depend on each other.

A count is within chance if it lies in the 95 % interval of what a finite reference allows. So does
a share of about 95 % of the splits; the goal is what binomial chance gives in 999 of 1,000 runs.

Run: python -m tests.benchmarks.calibration FOLDER [--splits N] [--max-steps N] [--only NAME ...]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from driftgauge.detector import LEAN, Calibration, Detector, Training, score_all
from driftgauge.detector.methods import fit_method
from driftgauge.detector.normaliser import Normaliser

from ..detector.false_alarm_law import allowed_counts
from .packs import PLAIN, REFERENCES, Extractor, Reference
from .table import Figure, write_benchmark

Array = NDArray[np.float64]
Parts = tuple[Array, Array, Array]
ALPHAS = (0.05, 0.01, 0.001)
LEVEL = 0.95
RE_DEALT, TEST_PACK = "re-dealt", "test pack"
COMBINED = -1


def score_packs(reference: Reference, chosen: argparse.Namespace) -> tuple[Array, Array]:
    """Return the scores of the training pack's rest and of the test pack."""
    extractor = Extractor(chosen.folder, reference.image_size)
    chosen_taps = extractor.default_taps
    taps, fresh = (
        {name: tap for name, tap in extractor.taps(*pack, PLAIN).items() if name in chosen_taps}
        for pack in (reference.train, reference.test)
    )
    n = len(reference.train[1])
    order = np.random.default_rng(0).permutation(n)
    trained, rest = np.split(order, [n // 3])
    detector = _fitted(_rows(taps, trained), chosen.max_steps)
    return score_all(detector, _rows(taps, rest)), score_all(detector, fresh)


def _rows(taps: Mapping[str, Tensor], rows: NDArray[np.int64]) -> dict[str, Tensor]:
    return {layer: tap[rows] for layer, tap in taps.items()}


def _fitted(train: Mapping[str, Tensor], max_steps: int) -> Detector:
    normaliser = Normaliser({layer: tap.shape[1] for layer, tap in train.items()}, LEAN.normaliser)
    normaliser.fit(train)
    method, _ = fit_method(
        LEAN,
        normaliser(train),
        normaliser.widths,
        seed=0,
        training=Training(max_steps=max_steps),
        on_progress=None,
        joint=normaliser.joint,
    )
    nothing = Calibration(np.zeros((0, 0)), np.zeros(0), np.zeros(0), np.zeros(0))
    return Detector(normaliser, method, nothing, LEAN, {})


def splits(rest: Array, test: Array, n_splits: int) -> Iterator[tuple[str, int, Parts]]:
    """Yield how it was dealt, the seed, and the scores of cal-A, cal-B and fresh images."""
    pool = np.concatenate([rest, test])
    for seed in range(n_splits):
        rng = np.random.default_rng(seed)
        third = len(pool) // 3
        dealt = rng.permutation(pool)
        yield RE_DEALT, seed, (dealt[:third], dealt[third : 2 * third], dealt[2 * third :])
        third = len(rest) // 3
        dealt, fresh = rng.permutation(rest), rng.permutation(test)[: len(test) // 2]
        yield TEST_PACK, seed, (dealt[:third], dealt[third : 2 * third], fresh)


def rows_of(reference: Reference, chosen: argparse.Namespace) -> list[dict[str, object]]:
    """Return a row for each way to deal and each alpha."""
    rest, test = score_packs(reference, chosen)
    seen: dict[str, list[tuple[int, Array]]] = {RE_DEALT: [], TEST_PACK: []}
    for dealing, seed, (cal_a, cal_b, fresh) in splits(rest, test, chosen.splits):
        uniforms = np.random.default_rng([seed, 1]).uniform(1e-12, 1.0, len(fresh))
        _, p_values = Calibration.fit(cal_a, cal_b).p_values(fresh, uniforms)
        seen[dealing].append((len(cal_a), p_values))
    print(f"{reference.name}: done", file=sys.stderr, flush=True)
    return [
        _row(reference.name, dealing, alpha, found)
        for dealing, found in seen.items()
        for alpha in ALPHAS
    ]


def _row(
    name: str, dealing: str, alpha: float, found: Sequence[tuple[int, Array]]
) -> dict[str, object]:
    n_reference, first = found[0]
    n_fresh = len(first)
    low, high = allowed_counts(alpha, n_reference=n_reference, n_fresh=n_fresh, level=LEVEL)
    counts = np.array([(p_values <= alpha).sum(axis=0) for _, p_values in found])
    within = ((counts >= low) & (counts <= high)).mean(axis=0)
    rates = 100 * counts[:, COMBINED] / n_fresh
    return {
        "reference": name,
        "dealt": dealing,
        "alpha %": 100 * alpha,
        "calibration": n_reference,
        "fresh": n_fresh,
        "splits": len(found),
        "mean rate %": round(float(rates.mean()), 3),
        "of single splits %": f"{rates.min():.2f} to {rates.max():.2f}",
        "95 % interval %": f"{100 * low / n_fresh:.2f} to {100 * high / n_fresh:.2f}",
        "splits within %": round(100 * float(within[COMBINED]), 1),
        "of single layers": f"{100 * within[:-1].min():.0f} to {100 * within[:-1].max():.0f}",
    }


def figures(rows: Sequence[Mapping[str, Any]]) -> list[Figure]:
    """Return how many splits are within chance, with what chance gives."""
    found = []
    for row in rows:
        if row["dealt"] != RE_DEALT:
            continue
        n = row["splits"]
        least = 100 * float(stats.binom.ppf(0.001, n, LEVEL)) / n
        title = f"{row['reference']}, alpha {row['alpha %']:g} %: splits within the 95 % interval"
        within = float(row["splits within %"])
        found.append(Figure(title, within, "%", f"at least {least:g}", within >= least))
    return found


def main() -> None:
    """Print the table and write build/benchmarks/calibration.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="of the image packs and packio.py")
    parser.add_argument("--splits", type=int, default=200)
    parser.add_argument("--max-steps", type=int, default=600, help="of training a denoiser")
    names = [reference.name for reference in REFERENCES]
    parser.add_argument("--only", nargs="*", choices=names, default=names)
    chosen = parser.parse_args()
    used = [reference for reference in REFERENCES if reference.name in chosen.only]
    rows = [row for reference in used for row in rows_of(reference, chosen)]
    write_benchmark("calibration", rows, figures(rows))


if __name__ == "__main__":
    main()
