"""Pooled activations of a model's own layers, read through hooks that always come off."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from types import TracebackType

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from .errors import LayerNotFound, LayerSilent
from .pooling import pool_activation


class LayerTaps:
    """A context in which each named layer's output is pooled as the model runs.

    The model's output is untouched: hooks read and return nothing. Not thread-safe: one forward
    pass at a time.

    Args:
        model: the host, in evaluation mode.
        layers: names as in ``model.named_modules()``.

    Example:
        >>> import torch
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 16, 3)).eval()
        >>> with LayerTaps(model, ["1", "2"]) as taps:
        ...     _ = model(torch.zeros(4, 3, 16, 16))
        ...     {name: tuple(tap.shape) for name, tap in taps.pooled().items()}
        {'1': (4, 8), '2': (4, 16)}
    """

    def __init__(self, model: nn.Module, layers: Sequence[str]) -> None:
        modules = dict(model.named_modules())
        for layer in layers:
            if layer not in modules or not layer:
                raise LayerNotFound(_not_found_message(model, layer, list(modules)))
        self._modules = {layer: modules[layer] for layer in layers}
        self._handles: list[RemovableHandle] = []
        self._seen: dict[str, list[Tensor]] = {}

    def __enter__(self) -> LayerTaps:
        for layer, module in self._modules.items():
            self._handles.append(module.register_forward_hook(self._reader(layer)))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._seen.clear()

    def pooled(self) -> dict[str, Tensor]:
        """Return and forget the taps of the last forward pass, ``(n, channels)`` each.

        Raises:
            LayerSilent: a layer fired never, or more than once, since the last call.
        """
        seen, self._seen = self._seen, {}
        for layer in self._modules:
            n_fired = len(seen.get(layer, ()))
            if n_fired != 1:
                raise LayerSilent(
                    f"layer {layer!r} fired {n_fired} times in one forward pass, wanted once; "
                    "leave it out of the taps or tap a module around it"
                )
        return {layer: seen[layer][0] for layer in self._modules}

    def _reader(self, layer: str):  # type: ignore[no-untyped-def]  # torch types hooks as Any
        def read(module: nn.Module, inputs: object, output: object) -> None:
            activation = first_tensor(output)
            if activation is None:
                raise LayerSilent(f"layer {layer!r} returned no tensor but {type(output).__name__}")
            self._seen.setdefault(layer, []).append(pool_activation(activation))

        return read


def first_tensor(output: object) -> Tensor | None:
    """Return the tensor that *output* is or holds first (tuple, list, mapping or dataclass)."""
    if isinstance(output, Tensor):
        return output
    if hasattr(output, "__dict__") and not isinstance(output, (dict, list, tuple)):
        output = vars(output)
    values = output.values() if isinstance(output, dict) else output
    if isinstance(values, (list, tuple)) or isinstance(output, dict):
        for value in values:  # type: ignore[attr-defined]  # narrowed by the line above
            if isinstance(value, Tensor):
                return value
    return None


def _not_found_message(model: nn.Module, layer: str, names: list[str]) -> str:
    near = difflib.get_close_matches(layer, names, n=1)
    guess = f"; did you mean {near[0]!r}?" if near else ""
    shown = ", ".join(name for name, _ in model.named_children())
    return (
        f"layer {layer!r} is not in {type(model).__name__}{guess} "
        f"({len(names)} modules; top level: {shown})"
    )
