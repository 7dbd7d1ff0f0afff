"""The production model and the transform that it wants, from timm or from the user's factory."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL.Image import Image
from torch import Tensor, nn

from driftgauge.detector import ModelIdentity, hash_weights

from ..errors import SettingsError

Transform = Callable[[Image], Tensor]


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model in evaluation mode on its device.

    Attributes:
        transform: an RGB picture to the model's input, ``(3, height, width)``, float32.
        name: for people.
        identity: what a detector for this model is bound to.
    """

    model: nn.Module
    transform: Transform
    device: torch.device
    name: str
    identity: ModelIdentity


def load_model(
    *,
    source: str | None,
    factory: str | None,
    checkpoint: Path | None = None,
    image_size: int | None = None,
    device: str = "auto",
    precision: str = "float32",
) -> LoadedModel:
    """Load the model that production serves.

    Args:
        source: ``timm:NAME``; without *checkpoint*, timm fetches its pretrained weights.
        factory: ``package.module:function`` that returns a module, or a pair of it and its
            transform.
        checkpoint: a state dict, ``.safetensors`` or what ``torch.save`` writes.
        image_size: side in pixels; None is the model's own. A factory's own transform ignores it.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        precision: ``float32`` or ``bfloat16`` matrix products.

    Raises:
        SettingsError: nothing to load, or it cannot be loaded.
    """
    if (source is None) == (factory is None):
        raise SettingsError(
            "got "
            + ("neither" if source is None else "both")
            + " of model.source and model.factory, wanted one of them",
            hint='set source = "timm:NAME" or factory = "package.module:function" under [model]',
        )
    built = _from_factory(factory) if factory else _from_timm(source or "", checkpoint)
    model, transform = built if isinstance(built, tuple) else (built, None)
    if checkpoint is not None:
        _load_checkpoint(model, checkpoint)
    if transform is None:
        transform, preprocessing = timm_transform(model, image_size)
    else:
        preprocessing = repr(transform)
    on = pick_device(device)
    model = model.eval().to(on)
    model = model.to(memory_format=torch.channels_last)
    name = factory or source or type(model).__name__
    identity = ModelIdentity(hash_weights(model), preprocessing, precision)
    return LoadedModel(model, transform, on, name, identity)


def timm_transform(model: nn.Module, image_size: int | None) -> tuple[Transform, str]:
    """Return timm's evaluation transform for *model*, and what it does in words."""
    from timm.data import create_transform, resolve_data_config

    config: dict[str, Any] = resolve_data_config({}, model=model)
    if image_size is not None:
        config["input_size"] = (3, image_size, image_size)
    transform: Transform = create_transform(**config, is_training=False)
    return transform, ", ".join(f"{key}={config[key]}" for key in sorted(config))


def pick_device(name: str) -> torch.device:
    """Return the device called *name*; ``auto`` is a GPU where there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise SettingsError(
            f"model.device is {name!r}, but torch {torch.__version__} sees no CUDA device",
            hint='use device = "auto" or "cpu", or install a driver and a CUDA build of torch',
        )
    return device


def _from_timm(source: str, checkpoint: Path | None) -> nn.Module:
    import timm

    name = source.removeprefix("timm:")
    try:
        model: nn.Module = timm.create_model(name, pretrained=checkpoint is None)
    except Exception as error:  # timm and its hub client raise many kinds
        raise SettingsError(
            f"timm cannot make {name!r}: {error}",
            hint="check the name; where no model hub can be reached, set model.checkpoint",
        ) from error
    return model


def _from_factory(factory: str) -> Any:
    module_name, _, function = factory.partition(":")
    try:
        built = getattr(importlib.import_module(module_name), function)()
    except (ImportError, AttributeError) as error:
        raise SettingsError(
            f"cannot find model.factory {factory!r}: {error}",
            hint="write package.module:function, importable from where driftgauge runs",
        ) from error
    module = built[0] if isinstance(built, tuple) else built
    if not isinstance(module, nn.Module):
        raise SettingsError(
            f"model.factory {factory!r} returned {type(module).__name__}, wanted an nn.Module "
            "or a pair (nn.Module, transform)"
        )
    return built


def _load_checkpoint(model: nn.Module, checkpoint: Path) -> None:
    try:
        if checkpoint.suffix == ".safetensors":
            from safetensors.torch import load_file

            state = load_file(checkpoint)
        else:
            state = torch.load(checkpoint, map_location="cpu", weights_only=True)
            state = state.get("state_dict", state)
        model.load_state_dict(state)
    except Exception as error:  # torch, safetensors and the file system raise many kinds
        raise SettingsError(f"cannot load model.checkpoint {checkpoint}: {error}") from error
