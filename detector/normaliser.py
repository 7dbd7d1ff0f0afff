"""Brings every layer's channels to one scale."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from .errors import NonFiniteScore, ShapeMismatch
from .moment import layer_of
from .pixels import PIXELS

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

    Each moment of a layer is normalised by itself. Statistics of pixels have levels that matter and
    units of their own: they are always treated as in ``dataset``.

    The floor is a share of the layer's typical deviation, so that a channel which hardly moved
    on the reference cannot dominate the scores. Everything is clipped to 12 deviations.

    Args:
        channels: tap name to channel count, in score order.
        kind: one of `NORMALISER_KINDS`.
    """

    def __init__(self, channels: Mapping[str, int], kind: NormaliserKind = "sample") -> None:
        super().__init__()
        if kind not in NORMALISER_KINDS:
            raise ValueError(f"got normaliser {kind!r}, wanted one of {NORMALISER_KINDS}")
        self.channels = dict(channels)
        self.kind = kind
        self._parts = [count + self._extra(tap) for tap, count in channels.items()]
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", torch.zeros(sum(self._parts)))
        self.register_buffer("scale", torch.ones(sum(self._parts)))

    @property
    def widths(self) -> list[int]:
        """Channels of each layer in ``z0``: its moments lie side by side."""
        found: dict[str, int] = {}
        for tap, width in zip(self.channels, self._parts, strict=True):
            found[layer_of(tap)] = found.get(layer_of(tap), 0) + width
        return list(found.values())

    @property
    def joint(self) -> Tensor | None:
        """Channels of ``z0`` that the joint score is of: the means; None where there is nothing else.

        What a picture shows is in the means; roughness and pixels, which move with light and lens,
        would drown it.
        """
        ends = list(accumulate(self._parts, initial=0))
        means = [
            torch.arange(start, end)
            for tap, start, end in zip(self.channels, ends, ends[1:], strict=False)
            if tap == layer_of(tap) != PIXELS
        ]
        return torch.cat(means) if 0 < len(means) < len(self.channels) else None

    def fit(self, taps: Mapping[str, Tensor]) -> Normaliser:
        """Measure means and deviations on reference *taps*, ``(n, channels)`` each."""
        if not self._has_standards:
            return self
        parts = torch.split(self._joined(taps).double(), self._parts, dim=1)
        measured = [
            _standards(part) if self._is_standardised(tap) else _no_standards(part)
            for tap, part in zip(self.channels, parts, strict=True)
        ]
        self.mean.copy_(torch.cat([mean for mean, _ in measured]))
        self.scale.copy_(torch.cat([scale for _, scale in measured]))
        return self

    def forward(self, taps: Mapping[str, Tensor]) -> Tensor:
        """Return ``z0``, ``(n, sum of widths)``, float32.

        Raises:
            ShapeMismatch: layers or channels differ from those fitted.
            NonFiniteScore: a tap is not finite; ``rows`` says whose.
        """
        joined = self._joined(taps)
        if self._has_standards:
            joined = joined.sub_(self.mean).div_(self.scale)
        return joined.clamp_(-CLIP, CLIP)

    @property
    def _has_standards(self) -> bool:
        return any(map(self._is_standardised, self.channels))

    def _is_standardised(self, tap: str) -> bool:
        return self.kind != "sample" or tap == PIXELS

    def _extra(self, tap: str) -> int:
        return EXTRA_CHANNELS if self.kind == "both" and tap != PIXELS else 0

    def _joined(self, taps: Mapping[str, Tensor]) -> Tensor:
        self._check(taps)
        parts = [
            taps[tap].float()
            if self.kind == "dataset" or tap == PIXELS
            else _per_sample(taps[tap].float(), keep_level=self.kind == "both")
            for tap in self.channels
        ]
        joined = torch.cat(parts, dim=1)
        total = joined.sum()  # cheaper than to look at each; it may overflow, so rows decide
        if not bool(torch.isfinite(total)):
            _refuse_non_finite(joined)
        return joined

    def _check(self, taps: Mapping[str, Tensor]) -> None:
        missing = [layer for layer in self.channels if layer not in taps]
        if missing:
            raise ShapeMismatch(f"taps lack {missing}; got {list(taps)}")
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


def _standards(part: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and floored deviation of each channel."""
    std = part.std(dim=0, correction=0)
    return part.mean(dim=0), torch.maximum(std, FLOOR_SHARE * std.mean().clamp_min(1e-12))


def _no_standards(part: Tensor) -> tuple[Tensor, Tensor]:
    return torch.zeros_like(part[0]), torch.ones_like(part[0])


def _per_sample(layer: Tensor, *, keep_level: bool) -> Tensor:
    mean = layer.mean(dim=1, keepdim=True)
    centred = layer - mean
    deviation = centred.square().mean(dim=1, keepdim=True).sqrt().clamp_min(MIN_DEVIATION)
    pattern = centred.div_(deviation)
    return torch.cat([pattern, mean, deviation.log()], dim=1) if keep_level else pattern
