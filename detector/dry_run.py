"""One forward pass that notes what every module of a model gives."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .activation import first_tensor
from .host import is_uncalled, refuse_compiled, refuse_training
from .layout import Layout, gather_hints, keeps_ratio, read_layout
from .pooling import MAP_AXES, TOKEN_AXES

COPIES = 2
"""Images in a dry run, so that the batch axis can be told from an axis of length one."""


@dataclass(slots=True)
class Output:
    """What one module gave.

    Attributes:
        layout: None if it was no map or tokens with one row a sample.
        n_calls: in one forward pass.
    """

    layout: Layout | None
    n_calls: int = 1

    @property
    def is_map(self) -> bool:
        """Whether it can be tapped as a map with more than one position."""
        return self._has_axes(MAP_AXES)

    @property
    def is_tokens(self) -> bool:
        """Whether it can be tapped as tokens."""
        return self._has_axes(TOKEN_AXES)

    def _has_axes(self, n_axes: int) -> bool:
        if self.layout is None or self.n_calls != 1:
            return False
        return len(self.layout.positions) == n_axes - 2 and self.layout.n_positions > 1


def run_dry(model: nn.Module, sample: Tensor) -> dict[str, Output]:
    """Return each module's output, in the order in which the modules finished.

    Modules before the first that has weights are left out: they give the picture, not what the
    model makes of it.

    Args:
        model: the host, in evaluation mode; run once on copies of *sample*.
        sample: one preprocessed batch, ``(n, 3, height, width)``.

    Raises:
        ModelNotTappable: it is in train mode, or runs in compiled code.
    """
    refuse_training(model)
    batch = sample if len(sample) >= COPIES else torch.cat([sample] * COPIES)
    outputs: dict[str, Output] = {}
    handles = []
    for name, module in model.named_modules():
        if not name or is_uncalled(model, name):
            continue
        refuse_compiled(model, name)

        def read(module: nn.Module, inputs: object, output: object, name: str = name) -> None:
            has_weights = next(module.parameters(), None) is not None
            if outputs or has_weights:
                n_calls = outputs.pop(name).n_calls + 1 if name in outputs else 1
                outputs[name] = Output(_layout(model, name, output, batch), n_calls)

        handles.append(module.register_forward_hook(read))
    try:
        with torch.inference_mode():
            model(batch)
    finally:
        for handle in handles:
            handle.remove()
    return outputs


def _layout(model: nn.Module, name: str, output: object, batch: Tensor) -> Layout | None:
    activation = first_tensor(output, len(batch))
    if activation is None or activation.ndim not in (TOKEN_AXES, MAP_AXES):
        return None
    if activation.shape[0] != len(batch):
        return None
    image_size = (batch.shape[-2], batch.shape[-1])
    layout = read_layout(activation, gather_hints(model, name), image_size)
    if activation.ndim == MAP_AXES and not keeps_ratio(layout, image_size):
        return None
    return layout
