"""Brings every layer's channels to one scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from .errors import NonFiniteScore, ShapeMismatch

NormaliserKind = Literal["both", "dataset", "sample"]
NORMALISER_KINDS: tuple[NormaliserKind, ...] = get_args(NormaliserKind)

CLIP = 12.0
FLOOR_SHARE = 0.05
MIN_DEVIATION = 1e-6
EXTRA_CHANNELS = 2
"""A sample's own mean and log deviation in a layer, beside its channels (``both``)."""


class Normaliser(nn.Module):
    """Turns taps into ``z0``, in one of three ways.

    - ``dataset``: per channel ``(f - mean) / max(std, floor)`` of the reference; keeps shifts of
      brightness and gain.
    - ``sample``: per sample and layer ``(f - own mean) / own std`` over channels, as the paper
      does; sees the pattern of channels, not their level.
    - ``both``: the channels as in ``sample`` with the sample's own mean and log deviation beside
      them, all standardised on the reference as in ``dataset``.

    The floor is a share of the layer's typical deviation, so that a channel which hardly moved
    on the reference cannot dominate the scores. Everything is clipped to 12 deviations.

    Args:
        channels: layer name to channel count, in score order.
        kind: one of `NORMALISER_KINDS`.
    """

    def __init__(self, channels: Mapping[str, int], kind: NormaliserKind = "sample") -> None:
        super().__init__()
        if kind not in NORMALISER_KINDS:
            raise ValueError(f"got normaliser {kind!r}, wanted one of {NORMALISER_KINDS}")
        self.channels = dict(channels)
        self.kind = kind
        extra = EXTRA_CHANNELS if kind == "both" else 0
        self.widths = [count + extra for count in channels.values()]
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", torch.zeros(sum(self.widths)))
        self.register_buffer("scale", torch.ones(sum(self.widths)))

    def fit(self, taps: Mapping[str, Tensor]) -> Normaliser:
        """Measure means and deviations on reference *taps*, ``(n, channels)`` each."""
        if self.kind == "sample":
            return self
        joined = self._joined(taps).double()
        std = joined.std(dim=0, correction=0)
        floors = [
            FLOOR_SHARE * part.mean().clamp_min(1e-12).expand_as(part)
            for part in torch.split(std, self.widths)
        ]
        self.mean.copy_(joined.mean(dim=0))
        self.scale.copy_(torch.maximum(std, torch.cat(floors)))
        return self

    def forward(self, taps: Mapping[str, Tensor]) -> Tensor:
        """Return ``z0``, ``(n, sum of widths)``, float32.

        Raises:
            ShapeMismatch: layers or channels differ from those fitted.
            NonFiniteScore: a tap is not finite; ``rows`` says whose.
        """
        joined = self._joined(taps)
        if self.kind != "sample":
            joined = joined.sub_(self.mean).div_(self.scale)
        return joined.clamp_(-CLIP, CLIP)

    def _joined(self, taps: Mapping[str, Tensor]) -> Tensor:
        self._check(taps)
        layers = [taps[layer].float() for layer in self.channels]
        if self.kind != "dataset":
            layers = [_per_sample(layer, keep_level=self.kind == "both") for layer in layers]
        joined = torch.cat(layers, dim=1)
        total = joined.sum()  # cheaper than to look at each; it may overflow, so rows decide
        if not bool(torch.isfinite(total)):
            _refuse_non_finite(joined)
        return joined

    def _check(self, taps: Mapping[str, Tensor]) -> None:
        missing = [layer for layer in self.channels if layer not in taps]
        if missing:
            raise ShapeMismatch(f"taps lack layers {missing}; got {list(taps)}")
        for layer, wanted in self.channels.items():
            if taps[layer].ndim != 2 or taps[layer].shape[1] != wanted:  # noqa: PLR2004 - (n, c)
                raise ShapeMismatch(
                    f"layer {layer!r} gave taps of shape {tuple(taps[layer].shape)}, "
                    f"wanted (n, {wanted}); was the detector fitted on another model?"
                )


def _refuse_non_finite(joined: Tensor) -> None:
    rows = (~torch.isfinite(joined).all(dim=1)).nonzero().flatten().tolist()
    if rows:
        raise NonFiniteScore(
            f"taps of {len(rows)} of {len(joined)} images hold NaN or infinity", rows=rows
        )


def _per_sample(layer: Tensor, *, keep_level: bool) -> Tensor:
    mean = layer.mean(dim=1, keepdim=True)
    centred = layer - mean
    deviation = centred.square().mean(dim=1, keepdim=True).sqrt().clamp_min(MIN_DEVIATION)
    pattern = centred.div_(deviation)
    return torch.cat([pattern, mean, deviation.log()], dim=1) if keep_level else pattern
