"""Layer-wise diffusion: how badly each layer, and all together, are restored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Self

import torch
from torch import Tensor, nn

from ..denoiser import Denoiser
from ..fitting import train_denoiser
from ..noise import signal_shares
from ..preset import Mode, Preset
from .scoring import FitJob, ScoringMethod, saved_joint, split_layers


class Diffusion(ScoringMethod):
    """Scores by a trained denoiser.

    - ``fast``: one pass on ``sqrt(ab_t) z0``, without noise: deterministic, and independent of
      a sample's neighbours. The scores are mean squared errors.
    - ``paper``: ``z0`` noised to t with one stored noise, then DDIM down to 0. The layers'
      scores are mean squared errors, the joint one is the paper's feature similarity,
      the mean over layers of one minus the cosine.

    Args:
        denoiser: trained, in evaluation mode.
        widths: of each layer in ``z0``.
        step: t, counted from 0.
        mode: one of `MODES`.
        noise: ``(sum of widths,)``, for ``paper``; drawn from a fixed seed where None.

    References:
        Yang et al. 2024, section 3; docs/method.md says what is done otherwise.
    """

    is_cheap = False

    def __init__(
        self,
        denoiser: Denoiser,
        widths: Sequence[int],
        *,
        step: int,
        mode: Mode = "fast",
        noise: Tensor | None = None,
        joint: Tensor | None = None,
    ) -> None:
        super().__init__(joint)
        self.denoiser = denoiser
        self.widths = list(widths)
        self.step = step
        self.mode = mode
        self.noise: Tensor
        generator = torch.Generator().manual_seed(0)
        drawn = torch.randn(sum(widths), generator=generator, device="cpu")
        self.register_buffer("noise", drawn if noise is None else noise)

    @classmethod
    def fitted(cls, job: FitJob) -> tuple[Self, dict[str, float]]:
        """Train a denoiser on ``z0``; the figures are the training's."""
        preset, clean = job.preset, job.clean
        denoiser, figures = train_denoiser(
            clean,
            width=preset.width or 2 * clean.shape[1],
            n_blocks=preset.n_blocks,
            seed=job.seed,
            training=job.training,
            on_progress=job.on_progress,
            checkpoint=job.checkpoint,
        )
        method = cls(denoiser, job.widths, step=preset.step, mode=preset.mode, joint=job.joint)
        return method.to(clean.device), figures

    @classmethod
    def empty(cls, preset: Preset, widths: Sequence[int], state: Mapping[str, Tensor]) -> Self:
        """Return one with an untrained denoiser."""
        channels = sum(widths)
        denoiser = Denoiser(channels, width=preset.width or 2 * channels, n_blocks=preset.n_blocks)
        joint = saved_joint(state, channels)
        return cls(denoiser, widths, step=preset.step, mode=preset.mode, joint=joint)

    def forward(self, clean: Tensor) -> Tensor:
        """Return ``(n, layers + 1)``; the last is joint; higher is more unusual."""
        if self.mode == "paper":
            restored = restore_by_ddim(self.denoiser, clean, step=self.step, noise=self.noise)
            joint = layer_angles(clean, restored, self.widths).mean(dim=1)
            return torch.cat(
                [layer_errors(clean, restored, self.widths)[:, :-1], joint[:, None]], 1
            )
        restored = restore(self.denoiser, clean, step=self.step)
        return layer_errors(clean, restored, self.widths, self.joint)


def restore(denoiser: Denoiser, clean: Tensor, *, step: int) -> Tensor:
    """Return the denoiser's one-pass restoration of *clean*, scaled to *step* without noise."""
    restored: Tensor = denoiser(clean * _shares()[step] ** 0.5, step)
    return restored


def restore_by_ddim(denoiser: Denoiser, clean: Tensor, *, step: int, noise: Tensor) -> Tensor:
    """Return *clean*, noised to *step* with *noise*, denoised step by step (DDIM, eta 0).

    Each step predicts ``z0``, from it the noise that is in ``z_t``, and mixes both again at
    ``t - 1``; the last prediction, at t = 0, is the answer.

    References:
        Song et al. 2021, "Denoising Diffusion Implicit Models", equation 12.
    """
    shares = _shares()
    noised = shares[step] ** 0.5 * clean + (1 - shares[step]) ** 0.5 * noise
    predicted = clean
    for t in range(step, -1, -1):
        predicted = denoiser(noised, t)
        if t:
            left = (noised - shares[t] ** 0.5 * predicted) / (1 - shares[t]) ** 0.5
            noised = shares[t - 1] ** 0.5 * predicted + (1 - shares[t - 1]) ** 0.5 * left
    return predicted


def layer_errors(
    clean: Tensor, restored: Tensor, widths: Sequence[int], joint: Tensor | None = None
) -> Tensor:
    """Return the mean squared error of each layer's channels, and jointly; higher is more unusual.

    Args:
        clean: normalised taps, ``(n, channels)``.
        restored: the same shape.
        widths: channels of each layer, in order.
        joint: channels that the joint error is of; None is all.

    Returns:
        ``(n, layers + 1)``, float32.
    """
    parts = split_layers((clean - restored).square(), widths, joint)
    return torch.stack([part.mean(dim=1) for part in parts], dim=1)


def layer_angles(clean: Tensor, restored: Tensor, widths: Sequence[int]) -> Tensor:
    """Return one minus the cosine between each layer and its restoration, ``(n, layers)``."""
    sizes = list(widths)
    pairs = zip(torch.split(clean, sizes, 1), torch.split(restored, sizes, 1), strict=True)
    return torch.stack([1 - nn.functional.cosine_similarity(a, b, dim=1) for a, b in pairs], dim=1)


@cache
def _shares() -> tuple[float, ...]:
    return tuple(signal_shares().tolist())
