"""Events that cannot be counted, on their way to the dead letters."""

from __future__ import annotations

import logging

from ..errors import EventError, EventOfOtherModel
from ..log import action
from ..ports import DeadLetters
from ..untrusted.text import reason_text
from .activity import Activity
from .pipeline import ScoringBatch

log = logging.getLogger(__name__)


class Letters:
    """Sends what is wrong in a batch once, and says at each flush how much it was.

    The loop's thread owns it.
    """

    def __init__(self, dead_letters: DeadLetters, activity: Activity) -> None:
        self._dead_letters = dead_letters
        self._activity = activity
        self._n_untold = 0
        self._last = ""

    def send(self, batch: ScoringBatch) -> None:
        """Queue the batch's dead letters; after a failure, call it again to continue.

        Raises:
            SourceUnavailable: too much is outstanding.
        """
        for found in batch.judged.outcomes[batch.n_checked :]:
            error, record = found.outcome, found.record
            if isinstance(error, EventOfOtherModel):
                self._activity.of_other_model(error)
            elif isinstance(error, EventError):
                name, reason = type(error).__name__, reason_text(str(error))
                self._dead_letters.send(record, error=name, message=reason)
                self._last = f"{record.topic}/{record.partition}@{record.offset}: {reason}"
                self._activity.dead_lettered(name, self._last)
                self._n_untold += 1
            batch.n_checked += 1

    def flush(self, timeout_seconds: float) -> None:
        """Return when every letter is stored; raise SourceUnavailable when that takes longer."""
        self._dead_letters.flush(timeout_seconds)

    def tell(self) -> None:
        """Log how many there were since the last time."""
        if self._n_untold:
            log.warning(
                "%s events went to the dead-letter topic since the last flush; the latest reason: %s",
                *(self._n_untold, self._last),
                extra=action("dead_letters", events=self._n_untold),
            )
            self._n_untold = 0

    def close(self) -> None:
        """Flush and leave; raise SourceUnavailable when some are not stored."""
        self._dead_letters.close()
