"""PCA residual: what remains after projection on the reference's main components."""

from __future__ import annotations

import torch
from torch import Tensor

from .linear import LinearDistance, scatter

VARIANCE_KEPT = 0.9


class PcaResidual(LinearDistance):
    """The residual after the components with 90 % of the reference's variance."""

    def measure(self, part: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and W of one part of ``z0``, in float64."""
        mean = part.mean(dim=0, dtype=torch.float64)
        values, vectors = torch.linalg.eigh(scatter(part, mean)[0])
        kept = values.flip(0).cumsum(0) <= VARIANCE_KEPT * values.sum()
        n_residual = max(len(values) - int(kept.sum()) - 1, 1)
        residual = vectors.clone()
        residual[:, n_residual:] = 0.0
        return mean, residual
