"""The tensors in what a module takes or gives: bare, in tuples, mappings, dataclasses, objects."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from torch import Tensor

BATCH_AXES = 2
IMAGE_AXES = 3
MAX_DEPTH = 4


def first_tensor(output: object, n: int | None = None) -> Tensor | None:
    """Return the tensor that *output* is or holds first.

    One of *n* rows goes before others, and one with channels before a bare number, such as a loss.
    """
    if isinstance(output, Tensor):  # as nearly always: this runs in the host's forward pass
        return output
    found = list(tensors_in(output))
    batched = [tensor for tensor in found if tensor.ndim >= BATCH_AXES]
    fitting = (tensor for tensor in batched if tensor.shape[0] == n)
    return next(iter((*fitting, *batched, *found)), None)


def tensors_in(value: object, depth: int = MAX_DEPTH) -> Iterator[Tensor]:
    """Yield the tensors in *value*, in its own order, at most *depth* containers down."""
    if isinstance(value, Tensor):
        yield value
    elif depth:
        for part in _parts(value):
            yield from tensors_in(part, depth - 1)


def batch_of(value: object, depth: int = MAX_DEPTH) -> tuple[int | None, tuple[int, int] | None]:
    """Return how many samples one argument of a model holds, and the height and width of the first.

    Args:
        value: a batch ``(n, c, h, w)``, or a list of ``(c, h, w)`` as detection models take,
            perhaps inside mappings and objects.
        depth: how many containers down to look.

    Returns:
        None for what is unknown.
    """
    if isinstance(value, Tensor):
        if value.ndim > IMAGE_AXES:
            return value.shape[0], (value.shape[-2], value.shape[-1])
        return (value.shape[0] if value.ndim == BATCH_AXES else None), None
    parts = _parts(value) if depth else ()
    if parts and all(isinstance(part, Tensor) and part.ndim == IMAGE_AXES for part in parts):
        first = next(tensors_in(parts))
        return len(parts), (first.shape[-2], first.shape[-1])
    for part in parts:
        n, size = batch_of(part, depth - 1)
        if n is not None:
            return n, size
    return None, None


def _parts(value: object) -> Sequence[object]:
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, (list, tuple)):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name) for field in dataclasses.fields(value)]
    return list(vars(value).values()) if hasattr(value, "__dict__") else ()
