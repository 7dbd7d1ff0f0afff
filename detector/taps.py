"""Pooled activations of a model's own layers, read through hooks that always come off."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from types import TracebackType

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from .activation import batch_of, first_tensor
from .errors import DetectorError, LayerNotFound, LayerSilent, ShapeMismatch
from .host import TappedLayer, find_layer, refuse_training
from .layout import Layout, read_layout
from .moment import ROUGHNESS
from .pooling import pool_activation
from .roughness import has_telling_roughness, measure_roughness


class LayerTaps:
    """A context in which each named layer's output is pooled as the model runs.

    The host is left alone: hooks change nothing, raise nothing and keep nothing but the pooled
    vectors; what went wrong in one is raised by `pooled`. Threads do not see each other's taps: a
    thread reads those of its own last forward pass.

    Args:
        model: the host, in evaluation mode.
        layers: names as in ``model.named_modules()``. ``relu#2`` is the second call of a layer that
            is used more than once, ``stage:nhwc`` one whose channels come last where the shape does
            not show it. ``stage~roughness`` is that moment of its channels (`measure_roughness`); see
            `with_roughness` for both.

        may_lack: taps of roughness that `pooled` leaves out where they tell nothing; see
            `has_telling_roughness`, of the layers that ran before.

    Raises:
        LayerNotFound: a name is not in the model.
        ModelNotTappable: a layer runs where hooks do not fire (torch.compile, TorchScript).

    Example:
        >>> import torch
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 16, 3)).eval()
        >>> with LayerTaps(model, ["1", "2"]) as taps:
        ...     _ = model(torch.zeros(4, 3, 16, 16))
        ...     {name: tuple(tap.shape) for name, tap in taps.pooled().items()}
        {'1': (4, 8), '2': (4, 16)}
    """

    def __init__(
        self, model: nn.Module, layers: Sequence[str], *, may_lack: Collection[str] = ()
    ) -> None:
        if not layers:
            raise LayerNotFound("got no layers to tap")
        self._model = model
        self._may_lack = frozenset(may_lack)
        self._layers = {name: find_layer(model, name) for name in layers}
        self._handles: list[RemovableHandle] = []
        self._threads = threading.local()

    def __enter__(self) -> LayerTaps:
        refuse_training(self._model)
        self.__exit__(None, None, None)
        begin = self._beginner()
        self._handles.append(self._model.register_forward_pre_hook(begin, with_kwargs=True))
        for name, layer in self._layers.items():
            self._handles.append(layer.module.register_forward_hook(self._reader(name, layer)))
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
        self._threads = threading.local()

    def pooled(self) -> dict[str, Tensor]:
        """Return and forget the taps of this thread's last forward pass, ``(n, channels)`` each.

        Raises:
            LayerSilent: a layer did not fire, fired more than once, or gave no tensor.
            ShapeMismatch: its output cannot be pooled, or has not one row a sample.
        """
        seen = self._seen()
        self._threads.seen = _Pass()
        return {
            name: seen.tap(name, layer.call)
            for name, layer in self._layers.items()
            if name not in seen.left_out
        }

    def layouts(self) -> dict[str, Layout]:
        """Return what the axes of each output meant in this thread's last forward pass."""
        return dict(self._seen().layouts)

    def _seen(self) -> _Pass:
        if not hasattr(self._threads, "seen"):
            self._threads.seen = _Pass()
        seen: _Pass = self._threads.seen
        return seen

    def _beginner(self) -> Callable[[nn.Module, tuple[object, ...], dict[str, object]], None]:
        # A function, as every hook here: a method would make the model impossible to deepcopy.
        def begin(module: nn.Module, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
            self._threads.seen = _Pass(args, kwargs)

        return begin

    def _reader(self, name: str, layer: TappedLayer) -> Callable[[nn.Module, object, object], None]:
        def read(module: nn.Module, inputs: object, output: object) -> None:
            self._seen().read(name, layer, output, may_lack=name in self._may_lack)

        return read


class _Pass:
    """What one forward pass gave so far."""

    def __init__(
        self, args: Sequence[object] = (), kwargs: dict[str, object] | None = None
    ) -> None:
        self._n, self._image_size = _samples([*args, *(kwargs or {}).values()])
        self._n_calls: dict[str, int] = {}
        self._taps: dict[str, Tensor] = {}
        self._failures: dict[str, DetectorError] = {}
        self.layouts: dict[str, Layout] = {}
        self.left_out: set[str] = set()

    def read(self, name: str, layer: TappedLayer, output: object, *, may_lack: bool) -> None:
        """Pool one output; never raises, since the host must not fail for it."""
        self._n_calls[name] = self._n_calls.get(name, 0) + 1
        if layer.call not in (None, self._n_calls[name]):
            return
        try:
            self._pool(name, layer, output, may_lack=may_lack)
        except DetectorError as error:
            self._failures[name] = error
        except Exception as error:  # torch raises many kinds for tensors without memory or strides
            failure = ShapeMismatch(
                f"layer {name!r} returned a value that cannot be pooled: {error!r}"
            )
            failure.__cause__ = error
            self._failures[name] = failure

    def tap(self, name: str, call: int | None) -> Tensor:
        """Return one pooled output, or raise what went wrong with it."""
        if name in self._failures:
            raise self._failures[name]
        n_calls = self._n_calls.get(name, 0)
        if name not in self._taps or (call is None and n_calls > 1):
            raise LayerSilent(_silent_message(name, call, n_calls))
        return self._taps[name]

    def _pool(self, name: str, layer: TappedLayer, output: object, *, may_lack: bool) -> None:
        activation = first_tensor(output, self._n)
        if activation is None:
            raise LayerSilent(f"layer {name!r} returned no tensor but {type(output).__name__}")
        n = activation.shape[0] if activation.ndim else 0
        if n != self._n and self._n is not None:
            raise ShapeMismatch(
                f"layer {name!r} gave shape {tuple(activation.shape)} for {self._n} samples, "
                "wanted one row per sample; tap an outer or a later module"
            )
        layout = read_layout(activation, layer.hints, self._image_size)
        finest = max(one.n_positions for one in (layout, *self.layouts.values()))
        if may_lack and not has_telling_roughness(layout.n_positions, finest):
            self.left_out.add(name)
        elif layer.moment == ROUGHNESS:
            self._taps[name] = measure_roughness(activation, layout)
        else:
            self._taps[name] = pool_activation(
                activation, channels_last=layout.channels_last, n_prefix=layout.n_prefix
            )
        self.layouts[name] = layout


def _samples(arguments: Sequence[object]) -> tuple[int | None, tuple[int, int] | None]:
    try:
        told = map(batch_of, arguments)
        return next((found for found in told if found[0] is not None), (None, None))
    except Exception:  # any: arguments of a user's own making; the host must not fail for a guess
        return None, None


def _silent_message(name: str, call: int | None, n_calls: int) -> str:
    if call is not None:
        return (
            f"layer {name!r} was called {n_calls} times in the last forward pass, so call "
            f"{call} did not happen"
        )
    if not n_calls:
        return (
            f"layer {name!r} did not fire in the last forward pass: the pass does not use it, or "
            "runs it outside Python (torch.compile, TorchScript, torch.export); leave it out"
        )
    return (
        f"layer {name!r} fired {n_calls} times in one forward pass, wanted once; name the call, "
        f"such as '{name}#{n_calls}' for the last, or tap a module around it"
    )
