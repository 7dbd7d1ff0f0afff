"""The detector against every cheap rival on real images, over seeds.

Each seed deals the reference into training, cal-A and cal-B anew and fits everything on the same
taps of `tf_efficientnet_lite0` with ImageNet weights. Intervals are 95 % bootstrap intervals of
the mean over seeds, the images resampled.

Run: python -m tests.benchmarks.detector FOLDER [--only NAME ...] [--seeds N] [--plans TITLE ...] [--share S] [--choices]
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from driftgauge.detector import Training
from driftgauge.detector.rows import take_rows
from driftgauge.detector.splitting import split_reference

from .packs import REFERENCES, Material, Reference, gather, shortened
from .separation import Array, Separation, interval, mean_of, separate
from .table import Figure, write_benchmark
from .variants import BEFORE, DEFAULT, FIRST, SHIPPED, Variant, variants

Place = tuple[str, str]
N_WINDOWS = 600
CORRUPTION_GOALS = {"CIFAR-10": 82.0, "Imagenette": 85.0}
MOST_LOST = 0.5
"""Per cent of AUROC on content that better sight of corruptions may cost."""
GAINS = {BEFORE: "gained on the one before", FIRST: "gained on the one before that"}
"""Title of a plan to that of the row with what the default gained on it."""


def deal(material: Material, seed: int) -> tuple[dict[str, Tensor], dict[Any, dict[str, Tensor]]]:
    """Return the training taps, and every set to score: calibration, probes, fresh, unusual."""
    n = len(next(iter(material.train.values())))
    order = np.random.default_rng(seed).permutation(n)
    parts = split_reference(np.arange(n) // max(n // N_WINDOWS, 1))
    held = set(order[np.concatenate([parts.cal_a, parts.cal_b])].tolist())
    probed = np.array([i for i, row in enumerate(material.probed) if row in held])
    sets: dict[Any, dict[str, Tensor]] = {
        "cal-A": take_rows(material.train, order[parts.cal_a]),
        "cal-B": take_rows(material.train, order[parts.cal_b]),
        "fresh": dict(material.test),
    }
    sets |= {("probe", kind, 0): take_rows(taps, probed) for kind, taps in material.probes.items()}
    sets |= {("content", name, 0): dict(taps) for name, taps in material.content.items()}
    sets |= {("corruption", *place): dict(taps) for place, taps in material.corruptions.items()}
    return take_rows(material.train, order[parts.train]), sets


def separations(scores: Mapping[Any, Array]) -> dict[Place, Separation]:
    """Return AUROC and FPR95 of each target; a corruption's are the mean over its strengths."""
    found: dict[Place, list[Separation]] = defaultdict(list)
    for name, unusual in scores.items():
        if isinstance(name, str):
            continue
        kind, target, _ = name
        normal = scores["cal-B" if kind == "probe" else "fresh"]
        found[kind, target].append(separate(normal, unusual, seed=0))
    return {place: mean_of(several) for place, several in found.items()}


def compare(reference: Reference, chosen: argparse.Namespace) -> list[dict[str, object]]:
    """Return a row for each way to score, of the means over seeds."""
    material = gather(reference, chosen.folder)
    seen: dict[tuple[str, str], list[dict[Place, Separation]]] = defaultdict(list)
    speeds: dict[tuple[str, str], list[float]] = defaultdict(list)
    for seed in range(chosen.seeds):
        train, sets = deal(material, seed)
        training = Training(max_steps=chosen.max_steps)
        fitted = variants(
            train,
            sets,
            seed=seed,
            training=training,
            default_taps=material.default_taps,
            choices=chosen.choices,
            only=chosen.plans,
        )
        for one in fitted:
            seen[one.method, one.answer].append(separations(one.scores))
            speeds[one.method, one.answer].append(one.per_second)
            _tell(reference, seed, one, seen[one.method, one.answer][-1])
    rows = [
        _row(reference, key, found, float(np.median(speeds[key]))) for key, found in seen.items()
    ]
    return [*rows, *(_gain(reference, seen, than) for than in GAINS if _are_both(seen, than))]


def _are_both(seen: Mapping[tuple[str, str], object], than: str) -> bool:
    return (DEFAULT, SHIPPED) in seen and (than, SHIPPED) in seen


def _gain(
    reference: Reference,
    seen: Mapping[tuple[str, str], Sequence[Mapping[Place, Separation]]],
    than: str,
) -> dict[str, object]:
    """Return a row of what the default gained on another plan, resampled in pairs."""
    pair = [seen[method, SHIPPED] for method in (DEFAULT, than)]
    means = [
        {place: mean_of([found[place] for found in seeds]) for place in seeds[0]} for seeds in pair
    ]
    row: dict[str, object] = {
        "reference": reference.name,
        "method": GAINS[than],
        "answer": SHIPPED,
    }
    for kind in ("content", "corruption", "probe"):
        new, old = (_kind_mean(found, kind) for found in means)
        for name, of in (("", "auroc"), (" FPR95", "fpr95")):
            row[f"{kind}{name}"] = (
                _cell(
                    getattr(new, of) - getattr(old, of),
                    getattr(new, f"{of}s") - getattr(old, f"{of}s"),
                )
                if new is not None and old is not None
                else ""
            )
    return row | {"images/s": "", "targets": {}}


def _tell(reference: Reference, seed: int, one: Variant, found: dict[Place, Separation]) -> None:
    if one.answer == SHIPPED:
        means = {kind: _kind_mean(found, kind) for kind in ("content", "corruption", "probe")}
        words = ", ".join(f"{k} {m.auroc:.1f}" for k, m in means.items() if m is not None)
        print(f"{reference.name}, seed {seed}: {one.method}: {words}", file=sys.stderr, flush=True)


def _kind_mean(found: Mapping[Place, Separation], kind: str) -> Separation | None:
    of_kind = [one for (k, _), one in found.items() if k == kind]
    return mean_of(of_kind) if of_kind else None


def _row(
    reference: Reference,
    key: tuple[str, str],
    seeds: Sequence[Mapping[Place, Separation]],
    per_second: float,
) -> dict[str, object]:
    means = {place: mean_of([found[place] for found in seeds]) for place in seeds[0]}
    row: dict[str, object] = {"reference": reference.name, "method": key[0], "answer": key[1]}
    for kind in ("content", "corruption", "probe"):
        mean = _kind_mean(means, kind)
        row[kind] = _cell(mean.auroc, mean.aurocs) if mean is not None else ""
        row[f"{kind} FPR95"] = _cell(mean.fpr95, mean.fpr95s) if mean is not None else ""
    row["images/s"] = round(per_second)
    row["targets"] = {
        f"{kind}: {target}": [round(one.auroc, 1), round(one.fpr95, 1)]
        for (kind, target), one in means.items()
    }
    return row


def _cell(value: float, resamples: Array) -> str:
    low, high = interval(resamples)
    return f"{value:.1f} ({low:.1f}-{high:.1f})"


def figures(rows: Sequence[Mapping[str, object]]) -> list[Figure]:
    """Return the default's figures with their goals."""
    found = []
    for row in rows:
        reference = str(row["reference"])
        if row["method"] in GAINS.values():
            gain = _value(row, "content")
            goal = f"at least {-MOST_LOST:g}"
            name = f"{reference}: content, {row['method']}"
            found.append(Figure(name, gain, "AUROC %", goal, gain >= -MOST_LOST))
        if (row["method"], row["answer"]) == (DEFAULT, SHIPPED) and reference in CORRUPTION_GOALS:
            corruption, wanted = _value(row, "corruption"), CORRUPTION_GOALS[reference]
            found.append(
                Figure(
                    f"{reference}: corruptions",
                    corruption,
                    "AUROC %",
                    f"at least {wanted:g}",
                    corruption >= wanted,
                )
            )
    return found


def _value(row: Mapping[str, object], column: str) -> float:
    return float((str(row[column]) or "0").split(" ")[0])


def main() -> None:
    """Print the tables and write build/benchmarks/detector.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="of the image packs and packio.py")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--max-steps", type=int, default=600, help="of training a denoiser")
    parser.add_argument(
        "--choices",
        action="store_true",
        help="how normaliser, method and t were chosen, on means alone",
    )
    names = [reference.name for reference in REFERENCES]
    parser.add_argument("--only", nargs="*", choices=names, default=names)
    parser.add_argument(
        "--share", type=float, default=1.0, help="of each set's pictures, to be quicker"
    )
    parser.add_argument("--plans", nargs="*", default=(), help="only those with it in the title")
    chosen = parser.parse_args()
    rows = [
        row
        for reference in REFERENCES
        if reference.name in chosen.only
        for row in compare(shortened(reference, chosen.share), chosen)
    ]
    write_benchmark("detector", rows, figures(rows), hidden=("targets",))


if __name__ == "__main__":
    main()
