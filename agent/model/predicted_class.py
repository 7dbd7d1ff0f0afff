"""The predicted class in a classifier's output, however it is wrapped."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

_OF_CLASSES = 2
"""Dimensions of a classifier's output."""


def predicted_classes(output: object) -> NDArray[np.int64] | None:
    """Return the predicted class of each image in a classifier's output, None for any other output.

    Args:
        output: as `find_classes` takes it.
    """
    found = find_classes(output)
    if found is None:
        return None
    classes: NDArray[np.int64] = found.cpu().numpy()
    return classes


def find_classes(output: object) -> Tensor | None:
    """Return ``(n,)`` classes on the output's own device, None if it has none.

    Args:
        output: ``(n, classes)``, or an object, a dict or a tuple that has it as ``logits`` or first.
    """
    if isinstance(output, Mapping):
        output = output.get("logits")
    output = getattr(output, "logits", output)
    if isinstance(output, tuple | list) and output:
        output = output[0]
    if not isinstance(output, Tensor) or output.ndim != _OF_CLASSES or output.shape[1] < 2:  # noqa: PLR2004 - one is no choice
        return None
    return output.argmax(dim=1)
