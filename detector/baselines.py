"""Cheap detectors on the same taps: Mahalanobis distance, PCA residual, nearest neighbours.

Each is fitted on ``z0`` and scores every layer and all layers jointly, like `Diffusion`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

VARIANCE_KEPT = 0.9
N_NEIGHBOURS = 10
CORESET = 2000
CHUNK = 8192
"""Events brought to float64 at a time."""


class LinearDistance(nn.Module, ABC):
    """The squared length of ``(z - mean) W``, for each layer and jointly.

    Args:
        widths: of each layer in ``z0``.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.widths = list(widths)
        total = sum(self.widths)
        for number, width in enumerate([*self.widths, total]):
            self.register_buffer(f"mean_{number}", torch.zeros(width))
            self.register_buffer(f"map_{number}", torch.zeros(width, width))

    def fit(self, clean: Tensor, *, seed: int = 0) -> LinearDistance:
        """Measure the maps on ``z0`` of the reference, ``(n, channels)``."""
        for number, part in enumerate(_parts(clean, self.widths)):
            mean, linear = self._map(part)
            self.get_buffer(f"mean_{number}").copy_(mean)
            self.get_buffer(f"map_{number}").copy_(linear)
        return self

    def forward(self, clean: Tensor) -> Tensor:
        """Return ``(n, layers + 1)``, per channel; the last is joint; higher is more unusual."""
        distances = [
            ((part - self.get_buffer(f"mean_{i}")) @ self.get_buffer(f"map_{i}")).square().mean(1)
            for i, part in enumerate(_parts(clean, self.widths))
        ]
        return torch.stack(distances, dim=1)

    @abstractmethod
    def _map(self, part: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and W of one part of ``z0``, in float64."""


class Mahalanobis(LinearDistance):
    """Mahalanobis distance under a shrunk covariance.

    References:
        Ledoit and Wolf 2004, "A well-conditioned estimator for large-dimensional covariance
        matrices".
    """

    def _map(self, part: Tensor) -> tuple[Tensor, Tensor]:
        mean = part.mean(dim=0, dtype=torch.float64)
        values, vectors = torch.linalg.eigh(shrunk_covariance(part, mean))
        return mean, vectors / values.clamp_min(1e-12).sqrt()


class PcaResidual(LinearDistance):
    """What is left beside the directions that hold 90 % of the reference's variance."""

    def _map(self, part: Tensor) -> tuple[Tensor, Tensor]:
        mean = part.mean(dim=0, dtype=torch.float64)
        values, vectors = torch.linalg.eigh(_scatter(part, mean)[0])
        kept = values.flip(0).cumsum(0) <= VARIANCE_KEPT * values.sum()
        n_residual = max(len(values) - int(kept.sum()) - 1, 1)
        residual = vectors.clone()
        residual[:, n_residual:] = 0.0
        return mean, residual


class Neighbours(nn.Module):
    """Distance to the tenth nearest of some reference events, for each layer and jointly.

    Args:
        widths: of each layer in ``z0``.
        n_events: in the coreset; known when an artifact is read.
    """

    def __init__(self, widths: Sequence[int], n_events: int = CORESET) -> None:
        super().__init__()
        self.widths = list(widths)
        self.coreset: Tensor
        self.register_buffer("coreset", torch.zeros(n_events, sum(self.widths)))

    def fit(self, clean: Tensor, *, seed: int = 0) -> Neighbours:
        """Keep a random part of the reference's ``z0``, ``(n, channels)``."""
        generator = torch.Generator().manual_seed(seed)
        rows = torch.randperm(len(clean), generator=generator)[: len(self.coreset)]
        self.coreset = clean[rows.to(clean.device)].float().clone()
        return self

    def forward(self, clean: Tensor) -> Tensor:
        """Return ``(n, layers + 1)``; the last is joint; higher is more unusual."""
        k = min(N_NEIGHBOURS, len(self.coreset))
        pairs = zip(_parts(clean, self.widths), _parts(self.coreset, self.widths), strict=True)
        return torch.stack(
            [torch.cdist(part, known).kthvalue(k, dim=1).values for part, known in pairs], dim=1
        )


def shrunk_covariance(samples: Tensor, mean: Tensor) -> Tensor:
    """Return the Ledoit-Wolf covariance of *samples*, ``(n, p)``, in float64, with a tiny ridge."""
    n, p = samples.shape
    products, squares = _scatter(samples, mean)
    sample = products / n
    level = sample.trace() / p
    identity = torch.eye(p, dtype=sample.dtype, device=sample.device)
    spread = (sample - level * identity).square().sum()
    noise = (squares / n - sample.square()).sum() / n
    share = (noise / spread.clamp_min(1e-300)).clamp(0.0, 1.0)
    ridge = 1e-9 * level.clamp_min(1e-9)
    return (1 - share) * sample + (share * level + ridge) * identity


def _scatter(samples: Tensor, mean: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sums over samples of ``x x'`` and of its square, for centred x, in float64."""
    products, squares = (mean.new_zeros(len(mean), len(mean)) for _ in range(2))
    for chunk in torch.split(samples, CHUNK):
        centred = chunk.double() - mean
        products += centred.T @ centred
        centred.square_()
        squares += centred.T @ centred
    return products, squares


def _parts(clean: Tensor, widths: Sequence[int]) -> list[Tensor]:
    return [*torch.split(clean, list(widths), dim=1), clean]
