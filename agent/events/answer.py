"""The class that a served model answered with, in the forms that inference loggers write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import EventDecodeError
from ..untrusted.document import field_at
from ..untrusted.text import MAX_SEGMENT_CHARACTERS, scalar_text
from .tensor import number_array

_MAX_PICTURES = 1024  # as many as a request may have
_MAX_OUTPUTS = 64
_NAMES = ("class", "label", "predicted_class", "class_name", "classes", "category")
_SCORES = ("scores", "probabilities", "logits", "output_0", "predictions")


def class_of(prediction: object, names: Sequence[str] = ()) -> str | None:
    """Return the class of one prediction, None when it tells none.

    Args:
        prediction: a label, a number of a class, scores of all classes, or an object with one.
        names: of the classes, in the order of the scores.

    >>> class_of([0.1, 0.7, 0.2]), class_of({"label": "dog"}), class_of(7)
    ('1', 'dog', '7')
    """
    if isinstance(prediction, Mapping):
        return _of_object(prediction, names)
    if isinstance(prediction, list):
        if len(prediction) == 1:
            return class_of_one(prediction[0], names)
        return _highest(prediction, names)
    return scalar_text(prediction, "the predicted class", max_characters=MAX_SEGMENT_CHARACTERS)


def class_of_one(prediction: object, names: Sequence[str]) -> str | None:
    """Return the class of the only member of a list, which is no list of lists without end."""
    return _highest(prediction, names) if isinstance(prediction, list) else class_of(prediction)


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
        array = number_array(scores, None, "the answer's scores")
    except EventDecodeError:  # boxes, masks, texts: an answer need not be one of classes
        return None
    if array.ndim != 1 or not np.isfinite(array).all():
        return None
    index = int(array.argmax())
    return names[index] if index < len(names) else str(index)


def classes_v1(document: Mapping[str, object]) -> tuple[str | None, ...]:
    """Return the class of each instance in a V1 answer."""
    predictions = document.get("predictions")
    if not isinstance(predictions, list):
        return ()
    return tuple(map(class_of, predictions[:_MAX_PICTURES]))


def classes_v2(document: Mapping[str, object]) -> tuple[str | None, ...]:
    """Return the class of each picture in a V2 answer: labels where there are, else scores."""
    outputs = document.get("outputs")
    found = (
        [one for one in outputs if isinstance(one, Mapping)] if isinstance(outputs, list) else []
    )
    found.sort(key=lambda output: output.get("datatype") != "BYTES")
    for output in found:
        shape, data = output.get("shape"), output.get("data")
        if isinstance(data, list) and data and isinstance(shape, list):
            return tuple(map(class_of, _rows(data, shape)[:_MAX_PICTURES]))
    return ()


def _rows(data: list[object], shape: list[object]) -> list[object]:
    """Return one entry for each picture, of a list that is flat or nested."""
    n = shape[0] if len(shape) > 1 else len(data)
    if not isinstance(n, int) or n < 1 or len(data) % n:
        return []
    width = len(data) // n
    if width == 1:
        return data
    starts = range(0, len(data), width)[:_MAX_PICTURES]
    return [data[start : start + width] for start in starts]


def classes_seldon(document: Mapping[str, object]) -> tuple[str | None, ...]:
    """Return the class of each picture in an answer of Seldon's first protocol."""
    names = field_at(document, "data.names")
    labels = [str(name) for name in names] if isinstance(names, list) else []
    rows = field_at(document, "data.ndarray")
    if not isinstance(rows, list):
        values, shape = (
            field_at(document, "data.tensor.values"),
            field_at(document, "data.tensor.shape"),
        )
        is_tensor = isinstance(values, list) and values and isinstance(shape, list) and shape
        rows = _rows(values, shape) if is_tensor else []  # type: ignore[arg-type] # both are lists
    return tuple(class_of(row, labels) for row in rows[:_MAX_PICTURES])
