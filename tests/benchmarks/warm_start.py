"""A denoiser that begins from the active detector's against one that begins anew: quality and processor time.

Two real cameras, three seeds. The product begins anew; the warm start is put into training here. It gets half of the
steps at a third of the learning rate: with the whole schedule it would save nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray

from driftgauge.agent.fit.probing import ProbeTaps
from driftgauge.agent.retrain.candidate import held_out_runs, p_values_of, statistics_of
from driftgauge.detector import LEAN, Detector, Training, auroc, fit_detector
from driftgauge.detector import fitting as module
from driftgauge.detector.denoiser import Denoiser
from driftgauge.detector.training_state import TrainingState

from .learnt import Camera
from .season import ALPHA, CAMERA, FITS, LISTED, quiet
from .table import Figure

SEEDS = (0, 1, 2)
WARM = Training(n_epochs=30, min_steps=200, learning_rate=3e-4)


@dataclass(frozen=True)
class Case:
    """One camera's retraining: what the active detector learnt, what comes, and what is a fault."""

    camera: Camera
    first: NDArray[np.int64]
    learnt: NDArray[np.int64]
    faults: tuple[range, ...]
    probes: ProbeTaps


def run_warm_start(folder: Path) -> tuple[list[dict[str, object]], list[Figure]]:
    """Return a row a camera, seed and way to begin, and the mean differences."""
    rows: list[dict[str, object]] = []
    for case in (_river(folder), _site(folder)):
        basis, _ = _fitted(case, case.first, seed=0)
        for seed in SEEDS:
            for way in ("anew", "warm"):
                rows.append({"camera": case.camera.name, "seed": seed, "begins": way})
                rows[-1] |= _measured(case, seed, basis if way == "warm" else None)
                print(rows[-1], flush=True)
    return rows, [
        Figure(f"{what}, warm less anew", round(_mean(rows, what, "warm") - _mean(rows, what, "anew"), 2), unit)
        for what, unit in (("AUROC, known faults", "points"), ("AUROC, listed faults", "points"), ("rate, fresh", "points"), ("seconds", "s of a processor"))
    ]  # fmt: skip


def _river(folder: Path) -> Case:
    camera = Camera.read(folder, "keio_river", 16 * 600, "combined")
    first = np.array(FITS)
    return Case(camera, first, quiet(range(1000, 3592)), LISTED, camera.faults(folder, first))


def _site(folder: Path) -> Case:
    """Floodlights are out on the nights of the listed frames."""
    camera = Camera.read(folder, "vegas_site", 16 * 900, "combined")
    first = np.arange(560)
    out = (range(966, 990), range(1035, 1061), range(1106, 1134))
    return Case(camera, first, np.arange(300, 917), out, camera.faults(folder, first))


def _measured(case: Case, seed: int, begun: Detector | None) -> dict[str, object]:
    sample = case.camera.sample(case.learnt)
    held = held_out_runs(sample.run_ids)
    detector, seconds = _fitted(case, case.learnt[~held], seed=seed, begun=begun)
    fresh = sample.part(np.flatnonzero(held))
    plain = statistics_of(detector, case.probes.plain)
    known = [auroc(plain, statistics_of(detector, taps)) for taps in case.probes.probed.values()]
    normal = statistics_of(detector, fresh.taps)
    listed = [
        auroc(normal, statistics_of(detector, case.camera.sample(np.array(fault)).taps))
        for fault in case.faults
    ]
    rate = (p_values_of(detector, fresh.taps, fresh.segments) <= ALPHA).mean()
    return {
        "AUROC, known faults": round(float(np.mean(known)), 2),
        "AUROC, listed faults": round(float(np.mean(listed)), 2),
        "rate, fresh": round(100 * float(rate), 2), "seconds": round(seconds, 1),
        "loss, held out": round(detector.figures.get("held_out_loss", float("nan")), 4),
    }  # fmt: skip


def _fitted(
    case: Case, rows: NDArray[np.int64], *, seed: int, begun: Detector | None = None
) -> tuple[Detector, float]:
    sample = case.camera.sample(rows)
    since = time.process_time()
    with _begin_from(begun):
        detector = fit_detector(
            sample.taps, window_ids=sample.window_ids(case.camera.window), preset=replace(LEAN, method="combined"),
            segments=[(CAMERA,)] * len(rows), seed=seed, training=WARM if begun else None,
        )  # fmt: skip
    return detector, time.process_time() - since


@contextmanager
def _begin_from(begun: Detector | None) -> Iterator[None]:
    """Let training begin from the denoiser of *begun*."""
    if begun is None:
        yield
        return
    begin = module._begin
    weights = _denoiser_of(begun).state_dict()

    def warm(network: torch.nn.Module, *more: object, **named: object) -> TrainingState:
        network.load_state_dict(weights)
        return begin(network, *more, **named)  # type: ignore[arg-type] # as it was called

    with patch.object(module, "_begin", warm):
        yield


def _denoiser_of(detector: Detector) -> torch.nn.Module:
    return next(one for one in detector.method.modules() if isinstance(one, Denoiser))


def _mean(rows: list[dict[str, object]], what: str, way: str) -> float:
    return float(np.mean([float(str(row[what])) for row in rows if row["begins"] == way]))
