"""Which layers to tap when nobody says: one dry run, the end of each resolution stage."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from .errors import LayerNotFound
from .taps import first_tensor

MAP_AXES = 4
TOKEN_AXES = 3
ROUTES = (nn.Sequential, nn.ModuleList)


def select_layers(model: nn.Module, sample: Tensor) -> tuple[str, ...]:
    """Return the last module of each resolution stage, or blocks at each quarter of the depth.

    Args:
        model: the host, in evaluation mode; run once on *sample*.
        sample: one preprocessed batch, ``(n, 3, height, width)``.

    Raises:
        LayerNotFound: no module gave feature maps or tokens.
    """
    shapes = _output_shapes(model, sample)
    maps = {name: shape for name, shape in shapes.items() if len(shape) == MAP_AXES}
    if maps:
        return _last_of_each_resolution(maps)
    tokens = [name for name, shape in shapes.items() if len(shape) == TOKEN_AXES]
    blocks = [name for name in tokens if name.rpartition(".")[2].isdigit()]
    if not blocks:
        raise LayerNotFound(
            f"found no layers to tap in {type(model).__name__}; name them under [detector] layers"
        )
    quarters = [max(len(blocks) * quarter // 4 - 1, 0) for quarter in (1, 2, 3, 4)]
    return tuple(dict.fromkeys(blocks[quarter] for quarter in quarters))


def _last_of_each_resolution(maps: dict[str, tuple[int, ...]]) -> tuple[str, ...]:
    last: dict[tuple[int, int], str] = {}
    for name, shape in maps.items():  # in the order in which the modules finished
        last[shape[2], shape[3]] = name
    return tuple(name for size, name in last.items() if size != (1, 1)) or tuple(last.values())


def _output_shapes(model: nn.Module, sample: Tensor) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    handles = []
    for name, module in _stage_modules(model):

        def read(module: nn.Module, inputs: object, output: object, name: str = name) -> None:
            activation = first_tensor(output)
            if activation is not None:
                shapes.pop(name, None)
                shapes[name] = tuple(activation.shape)

        handles.append(module.register_forward_hook(read))
    try:
        with torch.inference_mode():
            model(sample)
    finally:
        for handle in handles:
            handle.remove()
    return shapes


def _stage_modules(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Yield children, and what plain containers hold; a block's inside is its own affair."""
    for name, child in module.named_children():
        full_name = f"{prefix}{name}"
        if not isinstance(child, nn.ModuleList):
            yield full_name, child
        if isinstance(child, ROUTES):
            yield from _stage_modules(child, f"{full_name}.")
