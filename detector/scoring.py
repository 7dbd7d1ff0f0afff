"""How badly each layer is restored."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .denoiser import Denoiser
from .noise import signal_shares


def restore(denoiser: Denoiser, clean: Tensor, *, step: int) -> Tensor:
    """Return the denoiser's one-pass restoration of *clean*, scaled to *step* without noise.

    Deterministic, and independent of a sample's neighbours in the batch.
    """
    share = float(signal_shares()[step])
    steps = torch.tensor([step], device=clean.device)
    restored: Tensor = denoiser(clean * share**0.5, steps)
    return restored


def layer_errors(clean: Tensor, restored: Tensor, widths: Sequence[int]) -> Tensor:
    """Return the mean squared error of each layer's channels; higher is more unusual.

    Args:
        clean: normalised taps, ``(n, channels)``.
        restored: the same shape.
        widths: channels of each layer, in order.

    Returns:
        ``(n, layers)``, float32.
    """
    squared = (clean - restored).square()
    parts = torch.split(squared, list(widths), dim=1)
    return torch.stack([part.mean(dim=1) for part in parts], dim=1)
