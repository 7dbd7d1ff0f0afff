"""The detectors that are compared: what is fitted, and how each fit's scores are read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from driftgauge.detector import (
    LEAN,
    NORMALISER_KINDS,
    PIXELS,
    Calibration,
    Preset,
    Training,
    layers_of,
)
from driftgauge.detector.detector import layer_weights
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
SHIPPED = "shipped"
MEANS = "mean"
NEW_BUT = f"{MEANS} {PIXELS}"
NEW = f"{NEW_BUT} roughness"
UNIT = "means of unit length"
DEFAULT = "combined, means, roughness, pixels (default)"
BEFORE = "combined, every stage and roughness, width 512 (before)"
FIRST = "combined, means, largest (the one before that)"
PLUS_PLUS = "mahalanobis++ on each layer and jointly"


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


@dataclass(frozen=True, slots=True)
class Plan:
    """What is fitted.

    Attributes:
        title: of its rows.
        taps: moments of the layers, and perhaps pixels; see `tapped`.
        whole_only: tell the shipped answer alone, to keep the table readable.
        everything: also on the finest stage and the roughness of coarse ones, which `fit` leaves out.
    """

    title: str
    preset: Preset
    taps: str = NEW
    whole_only: bool = True
    everything: bool = False


def plans() -> Sequence[Plan]:
    """Return the default now and before, its rivals on the same taps, and rivals of others."""
    wide = replace(LEAN, width=512, n_blocks=4)
    before = replace(wide, joining="largest")
    linear = replace(LEAN, method="mahalanobis")
    return [
        Plan(DEFAULT, LEAN, whole_only=False),
        Plan(BEFORE, wide, whole_only=False, everything=True),
        Plan(FIRST, before, MEANS, whole_only=False, everything=True),
        Plan("combined, width 512", wide),
        Plan("mahalanobis", linear, whole_only=False),
        Plan("mahalanobis, every stage and roughness", linear, everything=True),
        Plan("mahalanobis, means, largest", replace(before, method="mahalanobis"), MEANS),
        Plan("mahalanobis, means", linear, MEANS),
        Plan("mahalanobis, means and pixels", linear, f"{MEANS} {PIXELS}"),
        Plan("mahalanobis, means and roughness", linear, f"{MEANS} roughness"),
        Plan("mahalanobis, means, deviations, maxima", linear, f"{MEANS} deviation maximum"),
        Plan(
            "mahalanobis, means, deviations, maxima, pixels", linear, f"{NEW_BUT} deviation maximum"
        ),
        Plan(PLUS_PLUS, linear, UNIT),
        Plan("pca", replace(LEAN, method="pca")),
        Plan("neighbours", replace(LEAN, method="neighbours")),
    ]


def wanted_plans(only: Sequence[str]) -> Sequence[Plan]:
    """Return the plans that a title, or a part of several titles, names; all if there are none."""
    known = plans()
    titles = [plan.title for plan in known]
    meant = {
        title
        for part in only
        for title in ([part] if part in titles else [t for t in titles if part in t])
    }
    return [plan for plan in known if not only or plan.title in meant]


def within(taps: Mapping[str, Tensor], chosen: Sequence[str]) -> dict[str, Tensor]:
    """Return what is of the layers of *chosen*, and of their roughness only what is chosen."""
    layers = layers_of(chosen)
    return {
        name: tap
        for name, tap in taps.items()
        if name in chosen or (name.partition("~")[0] in layers and not name.endswith("~roughness"))
    }


def tapped(taps: Mapping[str, Tensor], wanted: str) -> dict[str, Tensor]:
    """Return the taps that *wanted* names: `MEANS`, pixels, and moments in place of `layer_of`."""
    kinds = wanted.split()
    if wanted == UNIT:  # Mahalanobis++: features of unit length
        means = tapped(taps, MEANS)
        return {name: nn.functional.normalize(tap, dim=1) for name, tap in means.items()}
    return {
        name: tap for name, tap in taps.items() if (name.partition("~")[2] or _bare(name)) in kinds
    }


def _bare(name: str) -> str:
    return PIXELS if name == PIXELS else MEANS


def variants(
    train: Mapping[str, Tensor],
    sets: Sets,
    *,
    seed: int,
    training: Training,
    default_taps: Sequence[str],
    choices: bool = False,
    only: Sequence[str] = (),
) -> Iterator[Variant]:
    """Fit everything on *train* and score *sets*, which hold ``cal-A`` and ``cal-B``.

    Args:
        default_taps: that `fit` takes.
        choices: how normaliser, method and t were chosen, on means alone, in place of `plans`.
        only: titles of the plans that are wanted, or parts of them; empty is all.
    """
    before = [Plan("", replace(preset, joining="largest"), MEANS) for preset in presets()]
    for plan in before if choices else wanted_plans(only):
        preset = plan.preset

        def own(taps: Mapping[str, Tensor], plan: Plan = plan) -> dict[str, Tensor]:
            everything = choices or plan.everything
            return tapped(taps if everything else within(taps, default_taps), plan.taps)

        mine = own(train)
        channels = {name: tap.shape[1] for name, tap in mine.items()}
        kind = "dataset" if plan.taps == UNIT else preset.normaliser
        normaliser = Normaliser(channels, kind).fit(mine)
        if plan.taps == UNIT:
            normaliser.scale.fill_(1.0)  # Mahalanobis whitens them anyway; a floor would not
            normaliser.mean.zero_()
        fitted, _ = fit_method(
            preset,
            normaliser(mine),
            normaliser.widths,
            seed=seed,
            training=training,
            joint=normaliser.joint,
        )
        clean = {name: normaliser(own(taps)) for name, taps in sets.items()}
        layers = list(layers_of(channels)) if plan.title == DEFAULT else []
        weights = layer_weights(layers_of(channels))
        calibrate = partial(Calibration.fit, weights=weights, joining=preset.joining)
        ways = read_as(fitted, preset) if choices else [(fitted, plan.title, plan.whole_only)]
        for method, title, whole_only in ways:
            yield from _answers(method, title, clean, layers, calibrate, whole_only=whole_only)


def presets() -> Sequence[Preset]:
    """Return each method in each normaliser."""
    cheap = [
        Preset(method=method, normaliser=kind)
        for method in ("mahalanobis", "pca", "neighbours")
        for kind in NORMALISER_KINDS
    ]
    trained = [replace(LEAN, method="diffusion", normaliser=kind) for kind in NORMALISER_KINDS]
    return [LEAN, *cheap, *trained]


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
    usual: tuple[int, ...] = STEPS if preset.normaliser != "dataset" else (LEAN.step,)
    modes: list[tuple[Mode, tuple[int, ...]]] = [("fast", usual)]
    if preset.normaliser == "sample":
        modes.append(("paper", (10,)))
    for mode, steps in modes:
        for step in steps:
            fitted.mode, fitted.step = mode, step
            title = f"diffusion, {preset.normaliser}, {mode}, t = {step}"
            yield fitted, title, not ours or (mode, step) != ("fast", LEAN.step)


@torch.inference_mode()
def _answers(
    method: Callable[[Tensor], Tensor],
    title: str,
    clean: Mapping[Any, Tensor],
    layers: Sequence[str],
    calibrate: Callable[[Array, Array], Calibration],
    *,
    whole_only: bool,
) -> Iterator[Variant]:
    scores = {name: _scores(method, z) for name, z in clean.items()}
    per_second = _per_second(method, clean["cal-A"])
    calibration = calibrate(scores["cal-A"], scores["cal-B"])
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
