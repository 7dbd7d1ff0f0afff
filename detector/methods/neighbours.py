"""Distance to the nearest neighbours in a sample of the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

import torch
from torch import Tensor

from ..preset import Preset
from .scoring import FitJob, ScoringMethod, saved_joint, split_layers

N_NEIGHBOURS = 10
CORESET = 2000


class Neighbours(ScoringMethod):
    """Distance to the tenth nearest of some reference events, for each layer and jointly.

    Args:
        widths: of each layer in ``z0``.
        coreset: the reference events, ``(n, sum of widths)``.
    """

    def __init__(self, widths: Sequence[int], coreset: Tensor, joint: Tensor | None = None) -> None:
        super().__init__(joint)
        self.widths = list(widths)
        self.coreset: Tensor
        self.register_buffer("coreset", coreset)

    @classmethod
    def fitted(cls, job: FitJob) -> tuple[Self, dict[str, float]]:
        """Keep a random part of the reference's ``z0``."""
        generator = torch.Generator().manual_seed(job.seed)
        rows = torch.randperm(len(job.clean), generator=generator)[:CORESET]
        coreset = job.clean[rows.to(job.clean.device)].float().clone()
        return cls(job.widths, coreset, job.joint), {}

    @classmethod
    def empty(cls, preset: Preset, widths: Sequence[int], state: Mapping[str, Tensor]) -> Self:
        """Return one with as many reference events as *state* has."""
        n_events = len(state["coreset"])
        joint = saved_joint(state, sum(widths))
        return cls(widths, torch.zeros(n_events, sum(widths)), joint)

    def forward(self, clean: Tensor) -> Tensor:
        """Return ``(n, layers + 1)``; the last is joint; higher is more unusual."""
        k = min(N_NEIGHBOURS, len(self.coreset))
        pairs = zip(
            split_layers(clean, self.widths, self.joint),
            split_layers(self.coreset, self.widths, self.joint),
            strict=True,
        )
        return torch.stack(
            [torch.cdist(part, known).kthvalue(k, dim=1).values for part, known in pairs], dim=1
        )
