"""Events that cannot be counted, on their way to the dead letters."""

from __future__ import annotations

import logging

from ..errors import EventError
from ..log import action
from ..ports import DeadLetters
from .meter import Meter
from .scoring import Judged

log = logging.getLogger(__name__)


class Letters:
    """Sends what is wrong in a batch once, and says at each flush how much it was.

    The loop's thread owns it.

    Attributes:
        n_sent: letters so far.
    """

    def __init__(self, dead_letters: DeadLetters, meter: Meter) -> None:
        self._dead_letters = dead_letters
        self._meter = meter
        self._n_done = 0
        self._n_told = 0
        self._last = ""
        self.n_sent = 0

    def send(self, judged: Judged) -> None:
        """Queue the batch's letters; called again after a failure, it goes on where it stopped.

        Raises:
            SourceUnavailable: too much is outstanding.
        """
        for found in judged.outcomes[self._n_done :]:
            error, record = found.outcome, found.record
            if isinstance(error, EventError):
                self._dead_letters.send(record, error=type(error).__name__, message=str(error))
                self._last = f"{record.topic}/{record.partition}@{record.offset}: {error}"
                self._meter.dead_lettered(type(error).__name__)
                self.n_sent += 1
            self._n_done += 1

    def forget_batch(self) -> None:
        """The batch is counted, or dropped."""
        self._n_done = 0

    def flush(self, timeout_seconds: float) -> None:
        """Return when every letter is stored; raise SourceUnavailable when that takes longer."""
        self._dead_letters.flush(timeout_seconds)

    def tell(self) -> None:
        """Log how many there were since the last time."""
        if self.n_sent > self._n_told:
            log.warning(
                "%s events went to the dead letters since the last flush, going on; the last: %s",
                *(self.n_sent - self._n_told, self._last),
                extra=action("dead_letters", events=self.n_sent - self._n_told),
            )
            self._n_told = self.n_sent

    def close(self) -> None:
        """Flush and leave; raise SourceUnavailable when some are not stored."""
        self._dead_letters.close()
