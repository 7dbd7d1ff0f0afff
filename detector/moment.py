"""What a tap keeps of each channel of a layer: its mean, or its roughness.

A tap's name says which: ``stage`` is the mean of each channel over the layer's positions, and
``stage~roughness`` the mean absolute difference of neighbouring positions. So whatever carries taps by
name, a message, a file or a detector, says which moments it holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

Moment = Literal["mean", "roughness"]
MEAN: Final = "mean"
ROUGHNESS: Final = "roughness"
SUFFIX = f"~{ROUGHNESS}"


def with_roughness(layers: Iterable[str]) -> tuple[str, ...]:
    """Return the taps of both moments of each layer, in order.

    Example:
        >>> with_roughness(["stem", "stage"])
        ('stem', 'stem~roughness', 'stage', 'stage~roughness')
    """
    return tuple(tap for layer in layers for tap in (layer, f"{layer}{SUFFIX}"))


def layer_of(tap: str) -> str:
    """Return the layer that a tap belongs to.

    Example:
        >>> layer_of("stage:nhwc~roughness"), layer_of("stem")
        ('stage:nhwc', 'stem')
    """
    return tap.removesuffix(SUFFIX)


def layers_of(taps: Iterable[str]) -> tuple[str, ...]:
    """Return the layers of *taps*, each once, in order."""
    return tuple(dict.fromkeys(map(layer_of, taps)))
