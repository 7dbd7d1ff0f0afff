"""The noise schedule of the diffusion."""

from __future__ import annotations

import torch
from torch import Tensor

N_STEPS = 100
BETA_START = 0.0015
BETA_END = 0.0195


def signal_shares() -> Tensor:
    """Return alpha-bar for t = 0 .. 99, the share of the signal's variance left at each step.

    References:
        Yang et al. 2024; beta = linspace(sqrt(0.0015), sqrt(0.0195), 100)^2.

    Example:
        >>> [round(float(signal_shares()[t]), 4) for t in (0, 3, 10, 50, 99)]
        [0.9985, 0.9935, 0.979, 0.8006, 0.4117]
    """
    beta = torch.linspace(BETA_START**0.5, BETA_END**0.5, N_STEPS, dtype=torch.float64) ** 2
    return torch.cumprod(1.0 - beta, dim=0)


def add_noise(clean: Tensor, noise: Tensor, shares: Tensor) -> Tensor:
    """Return ``sqrt(share) clean + sqrt(1 - share) noise``; *shares* is ``(n, 1)``."""
    return shares.sqrt() * clean + (1.0 - shares).sqrt() * noise
