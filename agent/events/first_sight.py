"""What a stream's bytes do not say of themselves, decided once for the life of the process."""

from __future__ import annotations

import logging
import threading

from ..log import action

log = logging.getLogger(__name__)


class FirstSight:
    """Decisions that the first message with evidence makes for all that follow; thread-safe.

    A message that leaves a question open decides nothing: it is read by the likelier meaning. Each
    decision, and each doubt, is one log line.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: dict[str, str] = {}
        self._told: set[str] = set()

    def answer(self, question: str) -> str | None:
        """Return what was decided, None while nothing is."""
        return self._answers.get(question)

    def decide(self, question: str, answer: str, because: str) -> str:
        """Return what holds: *answer*, or the one that an earlier message gave.

        Args:
            question: what was open, such as ``the range of pixel values``.
            because: what was seen, and the setting that says otherwise.
        """
        with self._lock:
            known = self._answers.get(question)
            if known is not None:
                return known
            self._answers[question] = answer
        log.info(
            "%s is %s from now on: %s",
            *(question, answer, because),
            extra=action("input_decided", question=question, answer=answer),
        )
        return answer

    def tell_once(self, subject: str, doubt: str) -> None:
        """Log *doubt* the first time that *subject* comes up."""
        with self._lock:
            if subject in self._told:
                return
            self._told.add(subject)
        log.warning("%s", doubt, extra=action("input_doubtful", subject=subject))

    def has_told(self, subject: str) -> bool:
        """Return whether `tell_once` has logged *subject*."""
        return subject in self._told
