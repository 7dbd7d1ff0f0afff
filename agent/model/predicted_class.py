"""The predicted class in a classifier's output, however it is wrapped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

_OF_CLASSES = 2
"""Dimensions of a classifier's output."""
_ROUNDING = 1e-2
"""By which probabilities in half precision may miss a sum of 1."""


@dataclass(frozen=True, slots=True)
class Predicted:
    """What a classifier said of each image.

    Attributes:
        classes: ``(n,)``, numbers of classes.
        confidences: ``(n,)``, the probability of each of them, 0 to 1.
    """

    classes: NDArray[np.int64]
    confidences: NDArray[np.float64]


def predicted_classes(output: object) -> Predicted | None:
    """Return what a classifier's output says of each image, None for any other output.

    Args:
        output: as `find_classes` takes it; of logits, the softmax is the confidence.
    """
    scores = _class_scores(output)
    if scores is None:
        return None
    values = scores.float()
    if not _are_probabilities(values):
        values = values.softmax(dim=1)
    confidences, _ = values.max(dim=1)
    return Predicted(
        scores.argmax(dim=1).cpu().numpy(), confidences.double().clamp(0.0, 1.0).cpu().numpy()
    )


def find_classes(output: object) -> Tensor | None:
    """Return ``(n,)`` classes on the output's own device, None if it has none.

    Args:
        output: ``(n, classes)``, or an object, a dict or a tuple that has it as ``logits`` or first.
    """
    scores = _class_scores(output)
    return None if scores is None else scores.argmax(dim=1)


def _are_probabilities(scores: Tensor) -> bool:
    sums = scores.sum(dim=1)
    return bool((scores >= 0).all() and ((sums - 1.0).abs() <= _ROUNDING).all())


def _class_scores(output: object) -> Tensor | None:
    """Return ``(n, classes)`` scores, None where there are none."""
    if isinstance(output, Mapping):
        output = output.get("logits")
    output = getattr(output, "logits", output)
    if isinstance(output, tuple | list) and output:
        output = output[0]
    if not isinstance(output, Tensor) or output.ndim != _OF_CLASSES or output.shape[1] < 2:  # noqa: PLR2004 - one is no choice
        return None
    return output
