"""Which method detects known changes best on this model, and which one to use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .calibration import Array, Calibration
from .detector import Detector, layer_weights, score_all
from .methods import METHODS, fit_method
from .methods.scoring import ScoringMethod
from .probes import CONTENT_PROBES, COVARIATE_PROBES
from .rows import MAX_TRAIN, Rows, normalise_rows, thin_rows
from .splitting import split_reference

WORTH_CHANGING = 2.0
"""Per cent of AUROC by which another method must be ahead before it is recommended."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One method on the probes.

    Attributes:
        method: one of `METHOD_KINDS`.
        auroc: probe to the chance, in per cent, that a probed image scores above a normal one.
    """

    method: str
    auroc: Mapping[str, float]

    @property
    def covariate(self) -> float:
        """Mean over what happens to lenses, light and cables."""
        return float(np.mean([self.auroc[kind] for kind in COVARIATE_PROBES]))

    @property
    def content(self) -> float:
        """Mean over pictures of nothing that the model knows."""
        return float(np.mean([self.auroc[kind] for kind in CONTENT_PROBES]))

    @property
    def mean(self) -> float:
        """Mean over all probes."""
        return float(np.mean(list(self.auroc.values())))


def compare_methods(
    detector: Detector,
    reference: Mapping[str, Tensor],
    window_ids: NDArray[np.int64],
    plain: Mapping[str, Tensor],
    probed: Mapping[str, Mapping[str, Tensor]],
    *,
    seed: int = 0,
    rows: Rows | None = None,
    max_train: int = MAX_TRAIN,
) -> list[Comparison]:
    """Return how well each method separates probed images from the same images unchanged, best first.

    The cheap methods are fitted on the taps that *detector* was trained on; all are calibrated
    as it was. What is probed must not have been trained on: rows of cal-A or cal-B.

    Args:
        detector: just fitted on *reference*.
        reference: layer name to taps, ``(n, channels)``.
        window_ids: ``(n,)``, as they were when it was fitted.
        plain: taps of held-out images, ``(m, channels)``.
        probed: a key of `PROBES` to the taps of the same images, changed.
        seed: of the cheap methods that draw.
        rows: where in *reference* each event lies, as when it was fitted.
        max_train: as when it was fitted.
    """
    parts = split_reference(window_ids)
    rows = np.arange(len(window_ids)) if rows is None else rows
    with torch.inference_mode():
        train = rows[thin_rows(parts.train, max_train)]
        clean = normalise_rows(detector.normaliser, reference, train)
    found = []
    for kind, method in _methods(detector, clean, seed).items():
        other = replace(detector, method=method)
        calibration = Calibration.fit(
            score_all(other, reference, rows[parts.cal_a]),
            score_all(other, reference, rows[parts.cal_b]),
            layer_weights(other.layers),
            other.preset.joining,
        )
        normal = calibration.statistic(score_all(other, plain))
        unusual = {
            probe: calibration.statistic(score_all(other, taps)) for probe, taps in probed.items()
        }
        found.append(Comparison(kind, {probe: auroc(normal, s) for probe, s in unusual.items()}))
    return sorted(found, key=lambda one: -one.mean)


def recommend(comparisons: Sequence[Comparison], used: str) -> tuple[str, str]:
    """Return the method to use here, and why."""
    best = max(comparisons, key=lambda one: one.mean)
    (ours,) = (one for one in comparisons if one.method == used)
    ahead = best.mean - ours.mean
    if best.method == used:
        return used, f"{used} detects the probes best here, AUROC {ours.mean:.1f} %"
    if ahead < WORTH_CHANGING:
        return used, (
            f"{best.method} is better than {used} by {ahead:.1f} points of AUROC, less than the "
            f"{WORTH_CHANGING:g} that would be worth a change"
        )
    return best.method, (
        f"{best.method} detects the probes with AUROC {best.mean:.1f} %, {used} with "
        f"{ours.mean:.1f} %: set [detector] method and fit again"
    )


def auroc(normal: Array, unusual: Array) -> float:
    """Return the chance, in per cent, that an unusual score is above a normal one; ties count half.

    Example:
        >>> auroc(np.array([0.0, 1.0]), np.array([1.0, 2.0]))
        87.5
    """
    ranked = np.sort(normal)
    below = np.searchsorted(ranked, unusual, side="left")
    not_above = np.searchsorted(ranked, unusual, side="right")
    return float(100 * (below + not_above).mean() / (2 * len(normal)))


def _methods(detector: Detector, clean: Tensor, seed: int) -> dict[str, ScoringMethod]:
    """Return the detector's own method, its parts, and the cheap ones on the same ``z0``."""
    known = {detector.preset.method: detector.method, **detector.method.parts()}
    with torch.inference_mode():
        for kind, method in METHODS.items():
            if kind not in known and method.is_cheap:
                preset = replace(detector.preset, method=kind)
                known[kind], _ = fit_method(
                    preset,
                    clean,
                    detector.normaliser.widths,
                    seed=seed,
                    joint=detector.normaliser.joint,
                )
    return known
