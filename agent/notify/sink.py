"""What delivers a notice: one file a kind in ``sinks/``, and a row in its table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from .notice import Notice
from .summary import Summary


class Sink(Protocol):
    """Where notices go. One thread at a time calls it."""

    @property
    def name(self) -> str:
        """What the database and the log call it; the same after each start, and never a secret."""

    @property
    def is_for_people(self) -> bool:
        """Whether quiet hours and the limit of messages an hour hold here."""

    def send(self, notice: Notice) -> None:
        """Return when the receiver has taken *notice*.

        It may be sent again with the same key: after a crash, or when an answer was lost.

        Raises:
            NotificationUndelivered: it was not taken; another attempt may succeed.
        """

    def close(self) -> None:
        """Let go of connections; safe to call twice."""


@runtime_checkable
class SummarySink(Protocol):
    """A sink that also takes one message about several steps."""

    def send_summary(self, summary: Summary) -> None:
        """Return when the receiver has taken *summary*; as ``Sink.send``."""


@runtime_checkable
class RepeatingSink(Protocol):
    """A sink whose receiver forgets an alert that is not repeated."""

    def repeat(self, notices: Sequence[Notice]) -> None:
        """Say again that these alerts live.

        Raises:
            NotificationUndelivered: it was not taken.
        """
