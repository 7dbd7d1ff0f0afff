"""Layer-wise diffusion and Mahalanobis distance together: their geometric mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

import torch
from torch import Tensor

from ..preset import Preset
from .diffusion import Diffusion
from .mahalanobis import Mahalanobis
from .scoring import FitJob, ScoringMethod

FLOOR = 1e-12


def part_of(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return what *state* holds of one of the parts, under its own names."""
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


class Combined(ScoringMethod):
    """The geometric mean of two scores, for each layer and jointly.

    A mean of logarithms needs no weights: whatever unit either score has, only its ratio to its
    own level counts. Where the two agree nothing changes; where one sees what the other cannot
    (a correlation that broke, a direction that a linear model has not), both have a say.

    Args:
        diffusion: trained.
        mahalanobis: fitted on the same ``z0``.
    """

    is_cheap = False

    def __init__(self, diffusion: Diffusion, mahalanobis: Mahalanobis) -> None:
        super().__init__()
        self.diffusion = diffusion
        self.mahalanobis = mahalanobis

    @classmethod
    def fitted(cls, job: FitJob) -> tuple[Self, dict[str, float]]:
        """Train the one, measure the other; the figures are the training's."""
        diffusion, figures = Diffusion.fitted(job)
        mahalanobis, _ = Mahalanobis.fitted(job)
        return cls(diffusion, mahalanobis), figures

    @classmethod
    def empty(cls, preset: Preset, widths: Sequence[int], state: Mapping[str, Tensor]) -> Self:
        """Return one of two unfitted parts."""
        diffusion = Diffusion.empty(preset, widths, part_of(state, "diffusion."))
        return cls(diffusion, Mahalanobis.empty(preset, widths, part_of(state, "mahalanobis.")))

    def forward(self, clean: Tensor) -> Tensor:
        """Return ``(n, layers + 1)``; the last is joint; higher is more unusual."""
        restored = self.diffusion(clean).clamp_min(FLOOR)
        distance = self.mahalanobis(clean).clamp_min(FLOOR)
        return torch.exp((restored.log() + distance.log()) / 2)

    def parts(self) -> dict[str, ScoringMethod]:
        """Return both, by name."""
        return {"diffusion": self.diffusion, "mahalanobis": self.mahalanobis}
