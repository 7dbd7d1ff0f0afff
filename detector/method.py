"""The ways to score, by name; each maps ``z0`` to a score for every layer and a joint one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from torch import Tensor, nn

from .baselines import Mahalanobis, Neighbours, PcaResidual
from .combined import Combined
from .denoiser import Denoiser
from .diffusion import MODES, Diffusion, Mode
from .fitting import OnProgress, Training, train_denoiser
from .noise import N_STEPS
from .normaliser import NORMALISER_KINDS, NormaliserKind

MethodKind = Literal["combined", "diffusion", "mahalanobis", "pca", "neighbours"]
METHOD_KINDS: tuple[MethodKind, ...] = get_args(MethodKind)

MAX_WIDTH = 16_384
MAX_BLOCKS = 64

_BASELINES: dict[str, Callable[[Sequence[int]], Mahalanobis | PcaResidual | Neighbours]] = {
    "mahalanobis": Mahalanobis,
    "pca": PcaResidual,
    "neighbours": Neighbours,
}


@dataclass(frozen=True, slots=True)
class Preset:
    """What is fitted, and how it scores.

    Attributes:
        method: one of `METHOD_KINDS`; the fields below the normaliser belong to ``diffusion`` and
            to ``combined``, the geometric mean of diffusion and Mahalanobis.
        normaliser: one of `NORMALISER_KINDS`.
        width: of the denoiser's residual stream; 0 is twice the channels, as in the paper.
        n_blocks: of the denoiser.
        step: t that it scores at, counted from 0.
        mode: ``fast`` or ``paper``.
    """

    method: MethodKind = "combined"
    normaliser: NormaliserKind = "sample"
    width: int = 512
    n_blocks: int = 4
    step: int = 75
    mode: Mode = "fast"

    def __post_init__(self) -> None:
        """Refuse what no fit can have made, such as a damaged manifest's."""
        _check_one_of("method", self.method, METHOD_KINDS)
        _check_one_of("normaliser", self.normaliser, NORMALISER_KINDS)
        _check_one_of("mode", self.mode, MODES)
        _check_between("width", self.width, 0, MAX_WIDTH)
        _check_between("n_blocks", self.n_blocks, 1, MAX_BLOCKS)
        _check_between("step", self.step, 0, N_STEPS - 1)


def _check_one_of(name: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise ValueError(f"got {name} {value!r}, wanted one of {', '.join(known)}")


def _check_between(name: str, value: int, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"got {name} {value!r}, wanted a whole number from {low} to {high}")


LEAN = Preset()
PAPER = Preset(method="diffusion", normaliser="sample", width=0, n_blocks=16, step=10, mode="paper")


def fit_method(
    preset: Preset,
    clean: Tensor,
    widths: Sequence[int],
    *,
    seed: int,
    training: Training | None,
    on_progress: OnProgress | None,
    checkpoint: Path | None = None,
) -> tuple[nn.Module, dict[str, float]]:
    """Fit on ``z0``, ``(n, channels)``; return the method and figures of its fit."""
    if preset.method in _BASELINES:
        baseline = _BASELINES[preset.method](widths).to(clean.device)
        return baseline.fit(clean, seed=seed).eval(), {}
    denoiser, figures = train_denoiser(
        clean,
        width=preset.width or 2 * clean.shape[1],
        n_blocks=preset.n_blocks,
        seed=seed,
        training=training,
        on_progress=on_progress,
        checkpoint=checkpoint,
    )
    diffusion = Diffusion(denoiser, widths, step=preset.step, mode=preset.mode).to(clean.device)
    if preset.method == "diffusion":
        return diffusion.eval(), figures
    distance = Mahalanobis(widths).to(clean.device)
    distance.fit(clean)
    return Combined(diffusion, distance).eval(), figures


def empty_method(preset: Preset, widths: Sequence[int], *, n_coreset: int = 0) -> nn.Module:
    """Return an unfitted method, for an artifact's tensors to be loaded into."""
    if preset.method == "neighbours":
        return Neighbours(widths, n_coreset).eval()
    if preset.method in _BASELINES:
        return _BASELINES[preset.method](widths).eval()
    channels = sum(widths)
    denoiser = Denoiser(channels, width=preset.width or 2 * channels, n_blocks=preset.n_blocks)
    diffusion = Diffusion(denoiser, widths, step=preset.step, mode=preset.mode)
    together = Combined(diffusion, Mahalanobis(widths))
    method: nn.Module = diffusion if preset.method == "diffusion" else together
    return method.eval().requires_grad_(requires_grad=False)
