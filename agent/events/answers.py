"""Answers of the served model that came as messages of their own, until their requests are counted.

A request is not held back for its answer: offsets are written in the order of delivery, so every
event behind it would wait too, and for ever where answers are not logged. The answer is used when
it is there by the time that the request is scored; else the class is the one that the model gives
here. Nothing that counts depends on it but the segment of the class.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from .event import Answer, Event

MAX_ANSWERS = 10_000


class AnswerBook:
    """Remembers the newest answers. Safe in several threads.

    Args:
        names: of the model's classes, in the order of its output; empty names them by number.
    """

    def __init__(self, names: Sequence[str] = (), *, max_answers: int = MAX_ANSWERS) -> None:
        self._names = tuple(names)
        self._max_answers = max_answers
        self._answers: OrderedDict[str, tuple[str | None, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, answer: Answer) -> None:
        """Remember *answer*; the oldest goes when there are too many."""
        if answer.request_id is None or not any(answer.classes):
            return
        with self._lock:
            self._answers[answer.request_id] = answer.classes
            if len(self._answers) > self._max_answers:
                self._answers.popitem(last=False)

    def class_of(self, event: Event, predicted: int | None) -> str | None:
        """Return the class of *event*: as answered, else as the model gives it here.

        A label is used only where classes are named: without names the same class would count under
        its label or its number, depending on when the answer came.
        """
        with self._lock:
            classes = self._answers.get(event.request_id or "", ())
        answered = classes[event.item] if event.item < len(classes) else None
        if answered is not None and (self._names or answered.isdigit()):
            return self.name(answered)
        return None if predicted is None else self.name(str(predicted))

    def name(self, text: str) -> str:
        """Return the name of a class that is given by number, and any other text as it is."""
        is_number = text.isascii() and text.isdigit() and len(text) < len(str(2**31))
        if is_number and int(text) < len(self._names):
            return self._names[int(text)]
        return text
