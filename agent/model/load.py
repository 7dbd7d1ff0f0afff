"""The production model and the transform that it wants, from timm or from the user's factory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from driftgauge.detector import ModelIdentity, hash_weights

from ..errors import SettingsError
from .checkpoint import Weights, read_weights
from .factory import build_from_factory
from .preprocessing import Preprocessing, Transform, own_preprocessing, timm_preprocessing
from .user_code import describe_error
from .weights import load_weights, shape_of


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model in evaluation mode on its device.

    Attributes:
        transform: as `ModelInput` calls it.
        name: for people.
        identity: what a detector for this model is bound to.
        preprocessing: the transform, and where it comes from; None if it was not asked for.
        notes: what a person should know of how it was loaded.
    """

    model: nn.Module
    transform: Transform
    device: torch.device
    name: str
    identity: ModelIdentity
    preprocessing: Preprocessing | None = None
    notes: tuple[str, ...] = ()


def load_model(
    *,
    source: str | None,
    factory: str | None,
    checkpoint: Path | None = None,
    use_ema: bool = False,
    image_size: int | None = None,
    device: str = "auto",
    precision: str = "float32",
) -> LoadedModel:
    """Load the model that production serves.

    Args:
        source: ``timm:NAME``; without *checkpoint*, timm fetches its pretrained weights.
        factory: ``package.module:function`` that returns a module, or a pair of it and its
            transform.
        checkpoint: weights, as `read_weights` reads them.
        use_ema: take the checkpoint's exponential moving average.
        image_size: side in pixels; None is the model's own. A factory's own transform ignores it.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        precision: ``float32``, ``tf32`` or ``bfloat16`` products and convolutions.

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
    weights = read_weights(checkpoint, use_ema=use_ema) if checkpoint is not None else None
    transform: Callable[..., Any] | None = None
    if factory is not None:
        model, transform = build_from_factory(factory)
    else:
        model = _from_timm(source or "", weights)
    if weights is not None and checkpoint is not None:
        load_weights(model, weights, checkpoint)
    preprocessing = (
        timm_preprocessing(model, image_size) if transform is None else own_preprocessing(transform)
    )
    model, on = _place(model, device)
    return LoadedModel(
        model,
        preprocessing.transform,
        on,
        name=factory or source or "",
        identity=ModelIdentity(hash_weights(model), preprocessing.identity, precision),
        preprocessing=preprocessing,
        notes=tuple(_notes(weights, preprocessing, use_ema=use_ema)),
    )


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


def _place(model: nn.Module, device: str) -> tuple[nn.Module, torch.device]:
    on = pick_device(device)
    try:
        return model.eval().to(on).to(memory_format=torch.channels_last), on
    except Exception as error:  # torch and users' own modules raise many kinds
        raise SettingsError(
            f"cannot move {type(model).__name__} to {on}: {describe_error(error)}",
            hint="check model.device, and the free memory on it",
        ) from error


def _from_timm(source: str, weights: Weights | None) -> nn.Module:
    name = source.removeprefix("timm:")
    model = _make_timm(name, is_pretrained=weights is None)
    if weights is None:
        return model
    ours, theirs = _ends(model.state_dict(), model), _ends(weights.state, model)
    return model if ours == theirs else _make_timm(name, is_pretrained=False, **theirs)


def _make_timm(name: str, *, is_pretrained: bool, **ends: int) -> nn.Module:
    import timm

    try:
        model: nn.Module = timm.create_model(name, pretrained=is_pretrained, **ends)
    except Exception as error:  # timm and its hub client raise many kinds
        raise SettingsError(
            f"timm cannot create {name!r}: {error}",
            hint="check the name; where no model hub can be reached, set model.checkpoint",
        ) from error
    return model


def _ends(state: Mapping[str, object], model: nn.Module) -> dict[str, int]:
    """Return the numbers of classes and input channels of the weights in *state*.

    timm makes a model of ImageNet's thousand classes and three channels unless it is told.

    Args:
        model: gives the names of its first and its last layer.
    """
    config = getattr(model, "pretrained_cfg", {})
    found = {}
    for kind, key, axis in (("num_classes", "classifier", 0), ("in_chans", "first_conv", 1)):
        layer = config.get(key)
        layer = layer[0] if isinstance(layer, tuple | list) and layer else layer
        shape = shape_of(state, f"{layer}.weight")
        if shape and len(shape) > axis:
            found[kind] = shape[axis]
    return found


def _notes(weights: Weights | None, preprocessing: Preprocessing, *, use_ema: bool) -> list[str]:
    notes = []
    if weights is not None and weights.has_ema and not use_ema:
        notes.append(
            f"the checkpoint has an exponential moving average in addition to {weights.key!r}, which is "
            "what was loaded; if production serves the average, set use_ema = true under [model]"
        )
    if preprocessing.is_assumed:
        notes.append(
            "the model does not say how pictures are prepared, so ImageNet's preprocessing is "
            "assumed; if production differs, let model.factory return (model, transform)"
        )
    return notes
