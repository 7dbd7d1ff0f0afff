"""Which method sees known changes best on this model, and which one to use here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .calibration import Array, Calibration
from .combined import Combined
from .detector import Detector, score_all
from .method import METHOD_KINDS, MethodKind, fit_method
from .probes import CONTENT_PROBES, COVARIATE_PROBES
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

    method: MethodKind
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
) -> list[Comparison]:
    """Return how well each method tells probed images from the same ones unchanged, best first.

    The cheap methods are fitted on the taps that *detector* was trained on; all are calibrated
    as it was. What is probed must not have been trained on: rows of cal-A or cal-B.

    Args:
        detector: just fitted on *reference*.
        reference: layer name to taps, ``(n, channels)``.
        window_ids: ``(n,)``, as they were when it was fitted.
        plain: taps of held-out images, ``(m, channels)``.
        probed: a key of `PROBES` to the taps of the same images, changed.
        seed: of the cheap methods that draw.
    """
    parts = split_reference(window_ids)
    cal_a, cal_b = (_rows(reference, rows) for rows in (parts.cal_a, parts.cal_b))
    found = []
    for kind, method in _methods(detector, _rows(reference, parts.train), seed).items():
        other = replace(detector, method=method)
        calibration = Calibration.fit(score_all(other, cal_a), score_all(other, cal_b))
        normal = calibration.statistic(score_all(other, plain))
        unusual = {
            probe: calibration.statistic(score_all(other, taps)) for probe, taps in probed.items()
        }
        found.append(Comparison(kind, {probe: auroc(normal, s) for probe, s in unusual.items()}))
    return sorted(found, key=lambda one: -one.mean)


def recommend(comparisons: Sequence[Comparison], used: MethodKind) -> tuple[MethodKind, str]:
    """Return the method to use here, and why."""
    best = max(comparisons, key=lambda one: one.mean)
    (ours,) = (one for one in comparisons if one.method == used)
    ahead = best.mean - ours.mean
    if best.method == used:
        return used, f"{used} sees the probes best here, AUROC {ours.mean:.1f} %"
    if ahead < WORTH_CHANGING:
        return used, (
            f"{best.method} is ahead of {used} by {ahead:.1f} points of AUROC, less than the "
            f"{WORTH_CHANGING:g} that would be worth a change"
        )
    return best.method, (
        f"{best.method} sees the probes with AUROC {best.mean:.1f} %, {used} with "
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


def _methods(
    detector: Detector, train: Mapping[str, Tensor], seed: int
) -> dict[MethodKind, nn.Module]:
    """Return the detector's own method, its parts, and the cheap ones on the same ``z0``."""
    known: dict[MethodKind, nn.Module] = {detector.preset.method: detector.method}
    if isinstance(detector.method, Combined):
        known |= {
            "diffusion": detector.method.diffusion,
            "mahalanobis": detector.method.mahalanobis,
        }
    with torch.inference_mode():
        clean = detector.normaliser(train)
        for kind in METHOD_KINDS:
            if kind not in known and kind not in ("combined", "diffusion"):
                preset = replace(detector.preset, method=kind)
                known[kind], _ = fit_method(
                    preset,
                    clean,
                    detector.normaliser.widths,
                    seed=seed,
                    training=None,
                    on_progress=None,
                )
    return known


def _rows(taps: Mapping[str, Tensor], rows: NDArray[np.int64]) -> dict[str, Tensor]:
    return {layer: tap[torch.from_numpy(rows)] for layer, tap in taps.items()}
