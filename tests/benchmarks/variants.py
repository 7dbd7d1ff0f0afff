"""The detectors that are compared: what is fitted, and how each fit's scores are read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from driftgauge.detector import LEAN, NORMALISER_KINDS, PAPER, Calibration, Preset, Training
from driftgauge.detector.methods import fit_method
from driftgauge.detector.methods.diffusion import Diffusion
from driftgauge.detector.normaliser import Normaliser
from driftgauge.detector.preset import Mode

Array = NDArray[np.float64]
Sets = Mapping[Any, Mapping[str, Tensor]]
STEPS = (10, 50, 75, 95)
SPEED_BATCH = 64
SCORING_BATCH = 1024
JOINT = "joint"
LAYERS = "any layer"
SHIPPED = "layers or joint"


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to score.

    Attributes:
        method: with its normaliser and, for diffusion, its t.
        answer: which of its scores: `SHIPPED`, `LAYERS`, `JOINT`, or a layer's name.
        scores: of each set, ``(n,)``; higher is more unusual.
        per_second: images scored a second at batch 64, taps given.
    """

    method: str
    answer: str
    scores: Mapping[Any, Array]
    per_second: float


def variants(
    train: Mapping[str, Tensor], sets: Sets, *, seed: int, training: Training, paper: bool
) -> Iterator[Variant]:
    """Fit everything on *train* and score *sets*, which hold ``cal-A`` and ``cal-B``."""
    for preset in presets(paper=paper):
        channels = {layer: tap.shape[1] for layer, tap in train.items()}
        normaliser = Normaliser(channels, preset.normaliser).fit(train)
        fitted, _ = fit_method(
            preset,
            normaliser(train),
            normaliser.widths,
            seed=seed,
            training=training,
            on_progress=None,
        )
        clean = {name: normaliser(taps) for name, taps in sets.items()}
        layers = list(channels) if preset == LEAN else []
        for method, title, whole_only in read_as(fitted, preset):
            yield from _answers(method, title, clean, layers, whole_only=whole_only)


def presets(*, paper: bool) -> Sequence[Preset]:
    """Return what is fitted: each method in each normaliser, and the paper's own set-up."""
    cheap = [
        Preset(method=method, normaliser=kind)
        for method in ("mahalanobis", "pca", "neighbours")
        for kind in NORMALISER_KINDS
    ]
    trained = [replace(LEAN, method="diffusion", normaliser=kind) for kind in NORMALISER_KINDS]
    whole = [PAPER] if paper else []
    return [LEAN, *cheap, *trained, *whole]


def read_as(
    fitted: nn.Module, preset: Preset
) -> Iterator[tuple[Callable[[Tensor], Tensor], str, bool]]:
    """Yield each way to score with one fit; a trained denoiser serves every t and both modes.

    The last says that only the shipped answer is of interest, to keep the table readable.
    """
    ours = preset.normaliser == LEAN.normaliser
    if not isinstance(fitted, Diffusion):
        yield fitted, f"{preset.method}, {preset.normaliser}", not ours
        return
    size = "paper's network" if preset == PAPER else "lean"
    usual: tuple[int, ...] = STEPS if preset.normaliser != "dataset" else (LEAN.step,)
    modes: list[tuple[Mode, tuple[int, ...]]] = [("fast", usual)]
    if preset == PAPER:
        modes = [("paper", (10, 50))]
    if preset.normaliser == "sample" and preset != PAPER:
        modes.append(("paper", (10,)))
    for mode, steps in modes:
        for step in steps:
            fitted.mode, fitted.step = mode, step
            title = f"diffusion, {preset.normaliser}, {mode}, t = {step}, {size}"
            yield fitted, title, not ours or (mode, step) != ("fast", LEAN.step)


@torch.inference_mode()
def _answers(
    method: Callable[[Tensor], Tensor],
    title: str,
    clean: Mapping[Any, Tensor],
    layers: Sequence[str],
    *,
    whole_only: bool,
) -> Iterator[Variant]:
    scores = {name: _scores(method, z) for name, z in clean.items()}
    per_second = _per_second(method, clean["cal-A"])
    calibration = Calibration.fit(scores["cal-A"], scores["cal-B"])
    whole = {name: calibration.statistic(s) for name, s in scores.items()}
    any_layer = {name: calibration.layer_surprise(s) for name, s in scores.items()}
    joint = {name: s[:, -1] for name, s in scores.items()}
    answers = [(SHIPPED, whole)]
    if not whole_only:
        answers += [(LAYERS, any_layer), (JOINT, joint)]
    answers += [
        (layer, {name: s[:, number] for name, s in scores.items()})
        for number, layer in enumerate(layers)
    ]
    for answer, found in answers:
        yield Variant(title, answer, found, per_second)


def _scores(method: Callable[[Tensor], Tensor], clean: Tensor) -> Array:
    parts = [method(clean[i : i + SCORING_BATCH]) for i in range(0, len(clean), SCORING_BATCH)]
    return torch.cat(parts).double().numpy()


def _per_second(method: Callable[[Tensor], Tensor], clean: Tensor) -> float:
    batch = clean[:SPEED_BATCH]
    method(batch)
    rounds = []
    for _ in range(5):
        began = time.perf_counter()
        method(batch)
        rounds.append(time.perf_counter() - began)
    return len(batch) / float(np.median(rounds))
