"""What happens to a picture before the model, where the user's factory does not say."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor, nn

Transform = Callable[..., Any]
"""What `ModelInput` can call; most often an RGB picture to ``(channels, height, width)``, float32."""

MODES = {1: "L", 3: "RGB", 4: "RGBA"}
"""Channels of a model's input to the kind of picture that has as many."""
ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """A transform, and what is to be said of it.

    Attributes:
        identity: text that is equal for equal preprocessing; part of the model's identity.
        summary: what it does, for people.
        origin: who chose it, for people.
        way: how to change it, for people.
        is_assumed: it was not configured.
    """

    transform: Transform
    identity: str
    summary: str
    origin: str
    way: str
    is_assumed: bool = False


@dataclass(frozen=True, slots=True)
class InMode:
    """A transform of pictures of another kind than RGB."""

    mode: str
    transform: Callable[[Image.Image], Tensor]

    def __call__(self, picture: Image.Image) -> Tensor:
        """Return the transform of *picture* in this mode."""
        return self.transform(picture.convert(self.mode))


def own_preprocessing(transform: Transform) -> Preprocessing:
    """Return a factory's own *transform*, named in words that do not change from run to run."""
    code = getattr(transform, "__qualname__", None)
    module = getattr(transform, "__module__", None)
    words = f"{module}.{code}" if code else ADDRESS.sub("", repr(transform))
    summary = " ".join(words.split())
    return Preprocessing(
        transform, words, summary, origin="model.factory", way="change the transform it returns"
    )


def timm_preprocessing(model: nn.Module, image_size: int | None) -> Preprocessing:
    """Return timm's evaluation transform for *model*, of as many channels as the model takes.

    A model that timm did not make gets ImageNet's, which may be wrong, and is said.
    """
    from timm.data import create_transform, resolve_data_config

    config: dict[str, Any] = resolve_data_config({}, model=model)
    n_channels = count_channels(model)
    size = (image_size, image_size) if image_size is not None else config["input_size"][1:]
    config["input_size"] = (n_channels, *size)
    for name in ("mean", "std"):
        if len(config[name]) != n_channels:  # as timm's own loader does it
            config[name] = (float(np.mean(config[name])),) * n_channels
    transform: Transform = create_transform(**config, is_training=False)
    mode = MODES[n_channels]
    is_assumed = not getattr(model, "pretrained_cfg", None)
    return Preprocessing(
        transform if mode == "RGB" else InMode(mode, transform),
        identity=", ".join(f"{key}={config[key]}" for key in sorted(config)),
        summary=_summary(config, mode),
        origin="ImageNet's, assumed since the model does not say"
        if is_assumed
        else "timm's configuration of the model",
        way="[model] image_size, or return (model, transform) from model.factory (docs/models.md)",
        is_assumed=is_assumed,
    )


def count_channels(model: nn.Module) -> int:
    """Return how many channels the model's input has, by its first convolution; else 3."""
    first = next((one for one in model.modules() if isinstance(one, nn.Conv2d)), None)
    return first.in_channels if first is not None and first.in_channels in MODES else 3


def _summary(config: dict[str, Any], mode: str) -> str:
    n_channels, height, width = config["input_size"]
    size = round(min(height, width) / config["crop_pct"])
    mean, std = (", ".join(f"{one:.3g}" for one in config[name]) for name in ("mean", "std"))
    return (
        f"{mode} ({n_channels} channel{'s' if n_channels > 1 else ''}), resize to {size} "
        f"({config['interpolation']}), {config['crop_mode']} crop {height} x {width}, "
        f"mean ({mean}), std ({std})"
    )
