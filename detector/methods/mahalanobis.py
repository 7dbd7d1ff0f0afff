"""Mahalanobis distance under a shrunk covariance."""

from __future__ import annotations

import torch
from torch import Tensor

from .linear import LinearDistance, scatter


class Mahalanobis(LinearDistance):
    """Mahalanobis distance under a shrunk covariance.

    References:
        Ledoit and Wolf 2004, "A well-conditioned estimator for large-dimensional covariance
        matrices".
    """

    def measure(self, part: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and W of one part of ``z0``, in float64."""
        mean = part.mean(dim=0, dtype=torch.float64)
        values, vectors = torch.linalg.eigh(shrunk_covariance(part, mean))
        return mean, vectors / values.clamp_min(1e-12).sqrt()


def shrunk_covariance(samples: Tensor, mean: Tensor) -> Tensor:
    """Return the Ledoit-Wolf covariance of *samples*, ``(n, p)``, in float64, with a tiny ridge."""
    n, p = samples.shape
    products, squares = scatter(samples, mean)
    sample = products / n
    level = sample.trace() / p
    identity = torch.eye(p, dtype=sample.dtype, device=sample.device)
    spread = (sample - level * identity).square().sum()
    noise = (squares / n - sample.square()).sum() / n
    share = (noise / spread.clamp_min(1e-300)).clamp(0.0, 1.0)
    ridge = 1e-9 * level.clamp_min(1e-9)
    return (1 - share) * sample + (share * level + ridge) * identity
