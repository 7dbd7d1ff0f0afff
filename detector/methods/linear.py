"""Distances that are linear maps: one for each layer, and one for all layers jointly."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Self

import torch
from torch import Tensor

from ..preset import Preset
from .scoring import FitJob, ScoringMethod, saved_joint, split_layers

CHUNK = 8192
"""Events brought to float64 at a time."""


class LinearDistance(ScoringMethod):
    """The squared length of ``(z - mean) W``, for each layer and jointly.

    Args:
        widths: of each layer in ``z0``.
    """

    def __init__(self, widths: Sequence[int], joint: Tensor | None = None) -> None:
        super().__init__(joint)
        self.widths = list(widths)
        total = sum(self.widths) if joint is None else len(joint)
        for number, width in enumerate([*self.widths, total]):
            self.register_buffer(f"mean_{number}", torch.zeros(width))
            self.register_buffer(f"map_{number}", torch.zeros(width, width))

    @classmethod
    def fitted(cls, job: FitJob) -> tuple[Self, dict[str, float]]:
        """Measure the maps on ``z0`` of the reference."""
        method = cls(job.widths, job.joint).to(job.clean.device)
        for number, part in enumerate(split_layers(job.clean, job.widths, job.joint)):
            mean, linear = method.measure(part)
            method.get_buffer(f"mean_{number}").copy_(mean)
            method.get_buffer(f"map_{number}").copy_(linear)
        return method, {}

    @classmethod
    def empty(cls, preset: Preset, widths: Sequence[int], state: Mapping[str, Tensor]) -> Self:
        """Return one whose maps are zero."""
        return cls(widths, saved_joint(state, sum(widths)))

    def forward(self, clean: Tensor) -> Tensor:
        """Return ``(n, layers + 1)``, per channel; the last is joint; higher is more unusual."""
        distances = [
            ((part - self.get_buffer(f"mean_{i}")) @ self.get_buffer(f"map_{i}")).square().mean(1)
            for i, part in enumerate(split_layers(clean, self.widths, self.joint))
        ]
        return torch.stack(distances, dim=1)

    @abstractmethod
    def measure(self, part: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and W of one part of ``z0``, in float64."""


def scatter(samples: Tensor, mean: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sums over samples of ``x x'`` and of its square, for centred x, in float64."""
    products, squares = (mean.new_zeros(len(mean), len(mean)) for _ in range(2))
    for chunk in torch.split(samples, CHUNK):
        centred = chunk.double() - mean
        products += centred.T @ centred
        centred.square_()
        squares += centred.T @ centred
    return products, squares
