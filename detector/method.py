"""The ways to score, by name; each maps ``z0`` to a score for every layer and a joint one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from torch import Tensor, nn

from .baselines import Mahalanobis, Neighbours, PcaResidual
from .denoiser import Denoiser
from .diffusion import Diffusion, Mode
from .fitting import OnProgress, Training, train_denoiser
from .normaliser import NormaliserKind

MethodKind = Literal["diffusion", "mahalanobis", "pca", "neighbours"]
METHOD_KINDS: tuple[MethodKind, ...] = get_args(MethodKind)

_BASELINES: dict[str, Callable[[Sequence[int]], Mahalanobis | PcaResidual | Neighbours]] = {
    "mahalanobis": Mahalanobis,
    "pca": PcaResidual,
    "neighbours": Neighbours,
}


@dataclass(frozen=True, slots=True)
class Preset:
    """What is fitted, and how it scores.

    Attributes:
        method: one of `METHOD_KINDS`; the fields below the normaliser belong to ``diffusion``.
        normaliser: one of `NORMALISER_KINDS`.
        width: of the denoiser's residual stream; 0 is twice the channels, as in the paper.
        n_blocks: of the denoiser.
        step: t that it scores at, counted from 0.
        mode: ``fast`` or ``paper``.
    """

    method: MethodKind = "diffusion"
    normaliser: NormaliserKind = "both"
    width: int = 512
    n_blocks: int = 4
    step: int = 75
    mode: Mode = "fast"


LEAN = Preset()
PAPER = Preset(normaliser="sample", width=0, n_blocks=16, step=10, mode="paper")


def fit_method(
    preset: Preset,
    clean: Tensor,
    widths: Sequence[int],
    *,
    seed: int,
    training: Training | None,
    on_progress: OnProgress | None,
) -> tuple[nn.Module, dict[str, float]]:
    """Fit on ``z0``, ``(n, channels)``; return the method and figures of its fit."""
    if preset.method != "diffusion":
        baseline = _BASELINES[preset.method](widths).to(clean.device)
        return baseline.fit(clean, seed=seed).eval(), {}
    denoiser, figures = train_denoiser(
        clean,
        width=preset.width or 2 * clean.shape[1],
        n_blocks=preset.n_blocks,
        seed=seed,
        training=training,
        on_progress=on_progress,
    )
    method = Diffusion(denoiser, widths, step=preset.step, mode=preset.mode)
    return method.to(clean.device).eval(), figures


def empty_method(preset: Preset, widths: Sequence[int], *, n_coreset: int = 0) -> nn.Module:
    """Return an unfitted method, for an artifact's tensors to be loaded into."""
    if preset.method == "neighbours":
        return Neighbours(widths, n_coreset).eval()
    if preset.method != "diffusion":
        return _BASELINES[preset.method](widths).eval()
    channels = sum(widths)
    denoiser = Denoiser(channels, width=preset.width or 2 * channels, n_blocks=preset.n_blocks)
    method = Diffusion(denoiser, widths, step=preset.step, mode=preset.mode)
    return method.eval().requires_grad_(requires_grad=False)
