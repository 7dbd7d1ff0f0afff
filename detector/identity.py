"""Which model, images and precision a detector was fitted for."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass

import torch
from torch import nn


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
    for name, tensor in sorted(model.state_dict().items()):
        value = tensor.detach().cpu().contiguous()
        digest.update(f"{name}:{value.dtype}:{tuple(value.shape)};".encode())
        digest.update(value.view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
