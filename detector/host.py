"""The host model: layers found by name in it, and what forbids tapping it."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from .errors import LayerNotFound, ModelNotTappable
from .layout import Hints, gather_hints
from .moment import MEAN, ROUGHNESS, Moment

NAME = re.compile(
    r"(?P<layer>.+?)(#(?P<call>\d+))?(:(?P<order>nchw|nhwc))?(~(?P<moment>roughness))?"
)
RANDOM_IN_TRAINING = ("DropPath", "StochasticDepth", "DropBlock2d", "DropBlock3d")
SHOWN = 3


@dataclass(frozen=True, slots=True)
class TappedLayer:
    """A layer as a name asks for it.

    Attributes:
        module: whose output is tapped.
        call: which of its calls in a forward pass, from 1; None is its only one.
        hints: what is known of its output.
        moment: what is kept of each channel.
    """

    module: nn.Module
    call: int | None
    hints: Hints
    moment: Moment = "mean"


def find_layer(model: nn.Module, name: str) -> TappedLayer:
    """Return the layer that *name* asks for, ready to be tapped.

    Args:
        name: as in ``model.named_modules()``. ``#2`` behind it takes its second call in a forward
            pass, ``:nhwc`` or ``:nchw`` says where its channels are, and ``~roughness`` takes that
            moment of its channels in place of their mean.

    Raises:
        LayerNotFound: there is none; the message names the nearest.
        ModelNotTappable: it runs where hooks do not fire.
    """
    modules = dict(model.named_modules())
    layer, call, channels_last = name, None, None
    moment: Moment = MEAN
    asked = NAME.fullmatch(name)
    if name not in modules and asked:
        layer = asked["layer"]
        call = int(asked["call"]) if asked["call"] else None
        channels_last = {"nhwc": True, "nchw": False}.get(asked["order"])
        moment = ROUGHNESS if asked["moment"] else MEAN
    refuse_compiled(model, layer)
    if is_uncalled(model, layer):
        raise ModelNotTappable(
            f"layer {name!r} is not called by the graph that {type(model).__name__} was traced to "
            "(torch.export, torch.fx); tap the model that it was traced from"
        )
    if not layer or layer not in modules or call == 0:
        raise LayerNotFound(_not_found_message(model, name, list(modules)))
    hints = gather_hints(model, layer, channels_last=channels_last)
    return TappedLayer(modules[layer], call, hints, moment)


def refuse_training(model: nn.Module) -> None:
    """Raise unless *model* computes each sample alone, the same each time.

    Raises:
        ModelNotTappable: it, or a normalisation or dropout in it, is in train mode.
    """
    learning = [
        name or "the model itself"
        for name, module in model.named_modules()
        if module.training and (not name or _differs_in_training(module))
    ]
    if learning:
        more = f" and {len(learning) - SHOWN} more" if len(learning) > SHOWN else ""
        raise ModelNotTappable(
            f"{type(model).__name__} is in train mode ({', '.join(learning[:SHOWN])}{more}), where "
            "dropout and batch statistics enter the taps; call model.eval() first"
        )


def refuse_compiled(model: nn.Module, layer: str) -> None:
    """Raise if *layer* runs inside compiled code, where hooks set now would not fire.

    Raises:
        ModelNotTappable: with the kind of code and the way out.
    """
    parts = layer.split(".") if layer else []
    owner: nn.Module | None = model
    for part in parts:
        if owner is None:
            return
        _refuse_opaque(owner, layer)
        owner = getattr(owner, part, None)
    if isinstance(owner, torch.jit.ScriptModule) and not _is_traced(owner):
        raise ModelNotTappable(
            f"layer {layer or type(model).__name__!r} is TorchScript, which takes no hooks; tap a "
            "Python module around it, or the model that it was scripted from"
        )


def is_uncalled(model: nn.Module, layer: str) -> bool:
    """Whether *layer* is in a traced graph that computes without calling it."""
    owner: nn.Module | None = model
    parts = layer.split(".")
    for depth, part in enumerate(parts):
        if isinstance(owner, torch.fx.GraphModule):
            called = {str(node.target) for node in owner.graph.nodes if node.op == "call_module"}
            inner = [".".join(parts[depth:end]) for end in range(depth + 1, len(parts) + 1)]
            if not called.intersection(inner):
                return True
        owner = getattr(owner, part, None)
    return False


def _refuse_opaque(owner: nn.Module, layer: str) -> None:
    if isinstance(owner, torch.jit.ScriptModule):
        raise ModelNotTappable(
            f"layer {layer!r} runs inside TorchScript, where hooks do not fire; tap the Python "
            "model that it was scripted or traced from, in eager mode"
        )
    inner = getattr(owner, "_orig_mod", None)
    if isinstance(inner, nn.Module):
        raise ModelNotTappable(
            f"layer {layer!r} runs inside torch.compile, where hooks set afterwards do not fire; "
            "tap and call the model that was compiled (model._orig_mod), or set the taps before "
            "torch.compile"
        )
    if getattr(owner, "_compiled_call_impl", None) is not None:
        raise ModelNotTappable(
            f"layer {layer!r} runs inside a module that compiled itself (.compile()), where hooks "
            "set afterwards do not fire; set the taps before .compile(), or tap a copy without it"
        )


def _is_traced(module: nn.Module) -> bool:
    return type(module).__name__ == "TopLevelTracedModule"  # not exported by torch.jit


def _differs_in_training(module: nn.Module) -> bool:
    kinds = (_BatchNorm, _DropoutNd)
    return isinstance(module, kinds) or type(module).__name__ in RANDOM_IN_TRAINING


def _not_found_message(model: nn.Module, layer: str, names: list[str]) -> str:
    near = difflib.get_close_matches(layer, names, n=1)
    guess = f"; did you mean {near[0]!r}?" if near else ""
    shown = ", ".join(name for name, _ in model.named_children())
    return (
        f"layer {layer!r} is not in {type(model).__name__}{guess} "
        f"({len(names)} modules; top level: {shown})"
    )
