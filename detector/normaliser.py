"""Brings every layer's channels to one scale, as seen on the reference."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from .errors import NonFiniteScore, ShapeMismatch

CLIP = 12.0
FLOOR_SHARE = 0.05


class DatasetNormaliser(nn.Module):
    """Per channel ``(f - mean) / max(std, floor)``, clipped; keeps shifts of brightness and gain.

    The floor is a share of the layer's typical deviation, so that a channel which hardly moved
    on the reference cannot dominate the scores.

    Args:
        channels: layer name to channel count, in score order.
    """

    def __init__(self, channels: Mapping[str, int]) -> None:
        super().__init__()
        self.channels = dict(channels)
        width = sum(channels.values())
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))

    def fit(self, taps: Mapping[str, Tensor]) -> DatasetNormaliser:
        """Measure means and deviations on reference *taps*, ``(n, channels)`` each."""
        joined = self._join(taps).double()
        std = joined.std(dim=0, correction=0)
        floors = [
            FLOOR_SHARE * part.mean().clamp_min(1e-12).expand_as(part)
            for part in torch.split(std, list(self.channels.values()))
        ]
        self.mean.copy_(joined.mean(dim=0))
        self.scale.copy_(torch.maximum(std, torch.cat(floors)))
        return self

    def forward(self, taps: Mapping[str, Tensor]) -> Tensor:
        """Return the normalised concatenation ``z0``, ``(n, sum of channels)``, float32."""
        joined = self._join(taps)
        return ((joined - self.mean) / self.scale).clamp(-CLIP, CLIP)

    def _join(self, taps: Mapping[str, Tensor]) -> Tensor:
        missing = [layer for layer in self.channels if layer not in taps]
        if missing:
            raise ShapeMismatch(f"taps lack layers {missing}; got {list(taps)}")
        for layer, wanted in self.channels.items():
            if taps[layer].ndim != 2 or taps[layer].shape[1] != wanted:  # noqa: PLR2004 - (n, c)
                raise ShapeMismatch(
                    f"layer {layer!r} gave taps of shape {tuple(taps[layer].shape)}, "
                    f"wanted (n, {wanted}); was the detector fitted on another model?"
                )
        joined = torch.cat([taps[layer].float() for layer in self.channels], dim=1)
        if not bool(torch.isfinite(joined).all()):
            raise NonFiniteScore("a tap holds NaN or infinity")
        return joined
