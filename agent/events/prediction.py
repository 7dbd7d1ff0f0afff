"""Predictions of the served model that came in messages of their own, until their requests are counted.

A request is not held back for its prediction: offsets are written in the order of delivery, so every
event behind it would wait too, and for ever where predictions are not logged. The prediction is used
when it is there by the time that the request is scored; else the class is the one that the model
gives here. Nothing that counts depends on it but the segment of the class.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from .event import Event

MAX_PREDICTIONS = 10_000


@dataclass(frozen=True, slots=True)
class Prediction:
    """A served model's prediction in a message of its own: no picture, so nothing to count.

    Attributes:
        classes: predicted class of each picture of the request.
    """

    request_id: str | None
    classes: tuple[str | None, ...]


class PredictionBook:
    """Remembers the newest predictions. Safe in several threads.

    Args:
        names: of the model's classes, in the order of its output; empty names them by number.
    """

    def __init__(
        self, names: Sequence[str] = (), *, max_predictions: int = MAX_PREDICTIONS
    ) -> None:
        self._names = tuple(names)
        self._max_predictions = max_predictions
        self._classes: OrderedDict[str, tuple[str | None, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, prediction: Prediction) -> None:
        """Remember *prediction*; the oldest goes when there are too many."""
        if prediction.request_id is None or not any(prediction.classes):
            return
        with self._lock:
            self._classes[prediction.request_id] = prediction.classes
            if len(self._classes) > self._max_predictions:
                self._classes.popitem(last=False)

    def class_of_event(self, event: Event, predicted: int | None) -> str | None:
        """Return the class of *event*: as the served model said, else as the model gives it here.

        A label is used only where classes are named: without names the same class would count under
        its label or its number, depending on when the prediction came.
        """
        with self._lock:
            classes = self._classes.get(event.request_id or "", ())
        served = classes[event.item] if event.item < len(classes) else None
        if served is not None and (self._names or _is_number(served)):
            return self.name(served)
        return None if predicted is None else self.name(str(predicted))

    def name(self, text: str) -> str:
        """Return the name of a class that is given by number, and any other text as it is."""
        if _is_number(text) and int(text) < len(self._names):
            return self._names[int(text)]
        return text


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < len(str(2**31))
