"""From an activation of any usual shape to one vector a sample."""

from __future__ import annotations

from torch import Tensor

from .errors import ShapeMismatch

CHANNELS_FIRST_MAP = 4
TOKENS = 3
VECTOR = 2


def pool_activation(activation: Tensor, *, channels_last: bool = False) -> Tensor:
    """Return the mean over positions, accumulated in float32.

    Args:
        activation: ``(n, c, h, w)``, or ``(n, h, w, c)`` with *channels_last*, or tokens
            ``(n, t, d)``, or vectors ``(n, c)``.
        channels_last: the last axis of a four-axis activation holds the channels.

    Returns:
        ``(n, c)``, float32, on the activation's device.

    Raises:
        ShapeMismatch: the activation has one axis or more than four.

    Example:
        >>> import torch
        >>> pool_activation(torch.ones(2, 3, 4, 4)).shape
        torch.Size([2, 3])
    """
    activation = activation.detach().float()
    if activation.ndim == CHANNELS_FIRST_MAP:
        return activation.mean(dim=(1, 2) if channels_last else (2, 3))
    if activation.ndim == TOKENS:
        return activation.mean(dim=1)
    if activation.ndim == VECTOR:
        return activation.clone()
    message = f"cannot pool an activation of shape {tuple(activation.shape)}; wanted 2 to 4 axes"
    raise ShapeMismatch(message)
