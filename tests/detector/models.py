"""Small hosts and taps with a known structure, for the detector's laws."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from driftgauge.detector import Detector, Preset, Training, fit_detector

QUICK = Training(n_epochs=10, min_steps=100, max_steps=100)
TINY = Preset(width=64, n_blocks=2)
N_REFERENCE = 600


def small_cnn() -> nn.Sequential:
    """Return a host of two resolutions with an in-place activation."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(inplace=True)),
        nn.Sequential(nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.BatchNorm2d(16), nn.ReLU()),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 4),
    ).eval()


def normal_taps(n: int, seed: int, *, shift: float = 0.0) -> dict[str, Tensor]:
    """Return taps of two layers that share three hidden factors.

    Half of the channels move by *shift*: one that moved all alike would be each sample's own
    level, which the default normaliser takes away.
    """
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.Generator().manual_seed(99)
    factors = torch.randn(n, 3, generator=generator)
    taps = {}
    for layer, width in (("early", 8), ("late", 24)):
        weights = torch.randn(3, width, generator=mixing)
        noise = 0.3 * torch.randn(n, width, generator=generator)
        moved = shift * (torch.arange(width) % 2)
        taps[layer] = factors @ weights + noise + moved
    return taps


def fit_quickly(seed: int = 0, n: int = N_REFERENCE) -> Detector:
    """Fit on normal taps of two cameras in windows of ten."""
    return fit_detector(
        normal_taps(n, seed),
        window_ids=np.arange(n) // 10,
        segments=[(f"camera={row % 2}",) for row in range(n)],
        seed=seed,
        preset=TINY,
        training=QUICK,
    )


def uniforms(n: int, seed: int = 0) -> NDArray[np.float64]:
    """Return *n* fixed numbers in (0, 1)."""
    return np.random.default_rng(seed).uniform(1e-9, 1.0, n)
