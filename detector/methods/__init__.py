"""The ways to score: a file each, and a row each in `METHODS`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from ..fitting import OnProgress, Training
from ..preset import Preset, check_one_of
from .combined import Combined
from .diffusion import Diffusion
from .mahalanobis import Mahalanobis
from .neighbours import Neighbours
from .pca import PcaResidual
from .scoring import FitJob, ScoringMethod

METHODS: Mapping[str, type[ScoringMethod]] = {
    "combined": Combined,
    "diffusion": Diffusion,
    "mahalanobis": Mahalanobis,
    "pca": PcaResidual,
    "neighbours": Neighbours,
}
METHOD_KINDS = tuple(METHODS)


def fit_method(
    preset: Preset,
    clean: Tensor,
    widths: Sequence[int],
    *,
    seed: int,
    training: Training | None = None,
    on_progress: OnProgress | None = None,
    checkpoint: Path | None = None,
    joint: Tensor | None = None,
) -> tuple[ScoringMethod, dict[str, float]]:
    """Fit on ``z0``, ``(n, channels)``; return the method and figures of its fit."""
    job = FitJob(preset, clean, widths, seed, training, on_progress, checkpoint, joint)
    method, figures = _known(preset).fitted(job)
    method.eval()
    return method, figures


def empty_method(
    preset: Preset, widths: Sequence[int], state: Mapping[str, Tensor]
) -> ScoringMethod:
    """Return an unfitted method, for an artifact's *state* to be loaded into."""
    method = _known(preset).empty(preset, widths, state)
    method.eval().requires_grad_(requires_grad=False)
    return method


def _known(preset: Preset) -> type[ScoringMethod]:
    check_one_of("method", preset.method, METHOD_KINDS)
    return METHODS[preset.method]
