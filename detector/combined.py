"""Layer-wise diffusion and Mahalanobis distance together: their geometric mean."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .baselines import Mahalanobis
from .diffusion import Diffusion

FLOOR = 1e-12


class Combined(nn.Module):
    """The geometric mean of two scores, for each layer and jointly.

    A mean of logarithms needs no weights: whatever unit either score has, only its ratio to its
    own level counts. Where the two agree nothing changes; where one sees what the other cannot
    (a correlation that broke, a direction that a linear model has not), both have a say.

    Args:
        diffusion: trained.
        mahalanobis: fitted on the same ``z0``.
    """

    def __init__(self, diffusion: Diffusion, mahalanobis: Mahalanobis) -> None:
        super().__init__()
        self.diffusion = diffusion
        self.mahalanobis = mahalanobis

    def forward(self, clean: Tensor) -> Tensor:
        """Return ``(n, layers + 1)``; the last is joint; higher is more unusual."""
        restored = self.diffusion(clean).clamp_min(FLOOR)
        distance = self.mahalanobis(clean).clamp_min(FLOOR)
        return torch.exp((restored.log() + distance.log()) / 2)
