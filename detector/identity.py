"""Which model, images and precision a detector was fitted for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """What must be equal between fitting and scoring.

    Attributes:
        weights: hash of the model's parameters and buffers.
        preprocessing: what happens to an image before the model, in words.
        precision: in which the model and the detector compute, such as ``float32``.
    """

    weights: str
    preprocessing: str
    precision: str = "float32"

    def differences(self, other: ModelIdentity) -> list[str]:
        """Return a line for each thing in which *other* differs, ours first."""
        mine, theirs = asdict(self), asdict(other)
        return [f"{key}: {mine[key]} != {theirs[key]}" for key in mine if mine[key] != theirs[key]]


def hash_weights(model: nn.Module) -> str:
    """Return a SHA-256 over every parameter and buffer: names, types, shapes and values."""
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        for part in _bytes(name, value):
            digest.update(part)
    return digest.hexdigest()


def _bytes(name: str, value: object) -> Iterator[bytes]:
    """Yield bytes that identify *value*; a module may have more than tensors in its state."""
    if isinstance(value, Tensor):
        tensor = (value.int_repr() if value.is_quantized else value).detach().cpu().contiguous()
        yield f"{name}:{value.dtype}:{tuple(value.shape)};".encode()
        yield tensor.view(-1).view(torch.uint8).numpy().tobytes()
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _bytes(f"{name}.{key}", part)
    elif isinstance(value, list | tuple):
        for number, part in enumerate(value):
            yield from _bytes(f"{name}.{number}", part)
    else:
        told = repr(value) if isinstance(value, _PLAIN) else type(value).__qualname__
        yield f"{name}:{told};".encode()


_PLAIN = (type(None), bool, int, float, str, bytes, torch.dtype)
