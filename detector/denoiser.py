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

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Return *x* changed by what the block learned, ``(n, width)``.

        Args:
            condition: what the step adds inside, ``(n, width)`` or ``(1, width)``.
        """
        hidden = self.first(nn.functional.silu(self.first_norm(x))) + condition
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
        self._known: tuple[object, dict[int, list[Tensor]]] = (None, {})

    def forward(self, noised: Tensor, steps: Tensor | int) -> Tensor:
        """Return the restored features, ``(n, channels)``.

        Args:
            steps: ``(n,)``, or one for all, whose embedding is kept in evaluation mode.
        """
        conditions = (
            self._at(steps) if isinstance(steps, int) else self._conditions(self.angles[steps])
        )
        x = self.inlet(nn.functional.silu(noised))
        for block, condition in zip(self.blocks, conditions, strict=True):
            x = block(x, condition)
        restored: Tensor = self.outlet(nn.functional.silu(self.out_norm(x)))
        return restored

    def _conditions(self, angles: Tensor) -> list[Tensor]:
        embedding = nn.functional.silu(self.embed(angles))
        return [linear(embedding) for linear in self._by_step()]

    def _at(self, step: int) -> list[Tensor]:
        """Return what *step* adds inside each block, kept for as long as the weights are these."""
        angles = self.angles[step : step + 1]
        parts = [self.embed, *self._by_step()]
        weights = [weight for part in parts for weight in part.parameters()]
        if self.training or any(weight.is_inference() for weight in weights):
            return self._conditions(angles)  # to be trained, or in tensors that count no changes
        state = [(weight.data_ptr(), weight._version) for weight in weights]  # noqa: SLF001 - no other count of changes
        kept_for, known = self._known
        if state != kept_for:
            known = {}
            self._known = (state, known)  # one assignment: other threads see the old or the new
        if step not in known:
            known[step] = self._in_float32(angles)
        return known[step]

    def _in_float32(self, angles: Tensor) -> list[Tensor]:
        """Return conditions that serve any later pass, whatever mode this one runs in."""
        full = torch.autocast(angles.device.type, enabled=False)
        with torch.inference_mode(mode=False), torch.no_grad(), full:  # the first switches grad on
            return self._conditions(angles)

    def _by_step(self) -> list[nn.Linear]:
        return [block.step for block in self.blocks if isinstance(block, Block)]


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
