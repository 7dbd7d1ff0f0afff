"""The latent feature diffusion network: predicts clean features from noised ones."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .noise import N_STEPS

EMBEDDING = 128


class Block(nn.Module):
    """One residual block, conditioned on the step; starts as the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first_norm = nn.LayerNorm(width)
        self.first = nn.Linear(width, width)
        self.step = nn.Linear(width, width)
        self.second_norm = nn.LayerNorm(width)
        self.second = zero_linear(width, width)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Return *x* changed by what the block learned, ``(n, width)``."""
        hidden = self.first(nn.functional.silu(self.first_norm(x)))
        hidden = hidden + self.step(nn.functional.silu(embedding))
        residual: Tensor = self.second(nn.functional.silu(self.second_norm(hidden)))
        return x + residual


class Denoiser(nn.Module):
    """Predicts ``z0`` from ``(z_t, t)``; an untrained one predicts zero.

    Args:
        channels: width of ``z0``.
        width: of the residual stream.
        n_blocks: residual blocks.

    References:
        Yang et al. 2024, the LFDN; written from its description.
    """

    def __init__(self, channels: int, *, width: int = 512, n_blocks: int = 4) -> None:
        super().__init__()
        self.inlet = nn.Linear(channels, width)
        self.embed = nn.Sequential(nn.Linear(EMBEDDING, width), nn.SiLU(), nn.Linear(width, width))
        self.blocks = nn.ModuleList(Block(width) for _ in range(n_blocks))
        self.out_norm = nn.LayerNorm(width)
        self.outlet = zero_linear(width, channels)
        self.angles: Tensor
        self.register_buffer("angles", sinusoids(), persistent=False)

    def forward(self, noised: Tensor, steps: Tensor) -> Tensor:
        """Return the restored features, ``(n, channels)``; *steps* is ``(n,)`` or ``(1,)``."""
        embedding = self.embed(self.angles[steps])
        x = self.inlet(nn.functional.silu(noised))
        for block in self.blocks:
            x = block(x, embedding)
        restored: Tensor = self.outlet(nn.functional.silu(self.out_norm(x)))
        return restored


def sinusoids() -> Tensor:
    """Return the sinusoidal embedding of every step, ``(steps, EMBEDDING)``."""
    half = EMBEDDING // 2
    rates = torch.exp(-math.log(10_000.0) * torch.arange(half) / half)
    angles = torch.arange(N_STEPS)[:, None] * rates[None]
    return torch.cat([angles.cos(), angles.sin()], dim=1)


def zero_linear(n_in: int, n_out: int) -> nn.Linear:
    """Return a linear layer that answers zero until it is trained."""
    linear = nn.Linear(n_in, n_out)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear
