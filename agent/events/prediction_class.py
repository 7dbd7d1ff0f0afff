"""The class that a served model predicted, in the forms that inference loggers write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import EventDecodeError
from ..untrusted.text import label_text
from .tensor import number_array

_MAX_PICTURES = 1024  # as many as a request may have
_NAMES = ("class", "label", "predicted_class", "class_name", "classes", "category")
_SCORES = ("scores", "probabilities", "logits", "output_0", "predictions")
_LARGEST_EXACT = 2.0**53


def class_of(prediction: object, names: Sequence[str] = ()) -> str | None:
    """Return the class of one prediction, None if it has none.

    Args:
        prediction: a label, a number of a class, scores of all classes, or an object with one.
        names: of the classes, in the order of the scores.

    Raises:
        EventSchemaError: a label that cannot be kept.

    >>> class_of([0.1, 0.7, 0.2]), class_of({"label": "dog"}), class_of(7), class_of(0.93)
    ('1', 'dog', '7', None)
    """
    if isinstance(prediction, Mapping):
        return _of_object(prediction, names)
    if isinstance(prediction, list):
        return _of_list(prediction, names)
    if isinstance(prediction, float):  # a class by its number, or a score, which is not a class
        is_whole = abs(prediction) < _LARGEST_EXACT and prediction.is_integer()
        return str(int(prediction)) if is_whole else None
    return label_text(prediction, "the predicted class")


def _of_list(found: list[object], names: Sequence[str]) -> str | None:
    if len(found) != 1 or isinstance(found[0], float):
        return _highest(found, names) if len(found) > 1 else None
    only = found[0]  # perhaps a list, but no list of lists without end
    return _highest(only, names) if isinstance(only, list) else class_of(only)


def _of_object(prediction: Mapping[str, object], names: Sequence[str]) -> str | None:
    for name in _NAMES:
        if isinstance(prediction.get(name), str | int):
            return class_of(prediction[name])
    for name in _SCORES:
        found = prediction.get(name)
        if isinstance(found, list) and found:
            return _highest(found, names)
    return None


def _highest(scores: list[object], names: Sequence[str]) -> str | None:
    if not scores:
        return None
    try:
        array = number_array(scores, None, "the prediction's scores")
    except EventDecodeError:  # boxes, masks, texts: a prediction need not be one of classes
        return None
    if array.ndim != 1 or not np.isfinite(array).all():
        return None
    index = int(array.argmax())
    return names[index] if index < len(names) else str(index)


def classes_of_rows(rows: Sequence[object], names: Sequence[str] = ()) -> tuple[str | None, ...]:
    """Return the class in each row, one a picture; None if it has none.

    Raises:
        EventSchemaError: a label cannot be kept.
    """
    return tuple(class_of(row, names) for row in rows[:_MAX_PICTURES])


def rows_of(data: list[object], shape: list[object]) -> list[object]:
    """Return one entry for each picture, of a list that is flat or nested."""
    n = shape[0] if len(shape) > 1 else len(data)
    if not isinstance(n, int) or n < 1 or len(data) % n:
        return []
    width = len(data) // n
    if width == 1:
        return data
    starts = range(0, len(data), width)[:_MAX_PICTURES]
    return [data[start : start + width] for start in starts]
