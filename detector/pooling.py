"""From an activation of any usual shape to one vector a sample."""

from __future__ import annotations

import torch
from torch import Tensor

from .errors import ShapeMismatch

MAP_AXES = 4
TOKEN_AXES = 3
VECTOR_AXES = 2


def pool_activation(
    activation: Tensor, *, channels_last: bool = False, n_prefix: int = 0
) -> Tensor:
    """Return the mean over positions, accumulated in float32.

    NaN and infinity pass through: a position that is not finite makes its channel so.

    Args:
        activation: ``(n, c, h, w)``, or ``(n, h, w, c)`` with *channels_last*, or tokens
            ``(n, t, d)``, or vectors ``(n, c)``. It is neither changed nor kept.
        channels_last: the last axis of a four-axis activation holds the channels.
        n_prefix: tokens at the front that belong to no place: class and register tokens.

    Returns:
        ``(n, c)``, float32, on the activation's device, in memory of its own.

    Raises:
        ShapeMismatch: the activation has one axis or more than four, or no position.

    Example:
        >>> pool_activation(torch.ones(2, 3, 4, 4)).shape
        torch.Size([2, 3])
        >>> tokens = torch.tensor([[[9.0], [1.0], [3.0]]])
        >>> pool_activation(tokens, n_prefix=1)
        tensor([[2.]])
    """
    activation = activation.detach()
    if activation.ndim == VECTOR_AXES:
        return activation.to(torch.float32, copy=True)
    if activation.ndim == MAP_AXES:
        axes: tuple[int, ...] = (1, 2) if channels_last else (2, 3)
    elif activation.ndim == TOKEN_AXES:
        axes, activation = (1,), activation[:, n_prefix:]
    else:
        raise ShapeMismatch(f"{_cannot(activation)}; wanted 2 to 4 axes, the first the batch")
    if not all(activation.shape[axis] for axis in axes):
        raise ShapeMismatch(f"{_cannot(activation)}: it has no position to take the mean over")
    return activation.mean(dim=axes, dtype=torch.float32)


def _cannot(activation: Tensor) -> str:
    return f"cannot pool an activation of shape {tuple(activation.shape)}"
