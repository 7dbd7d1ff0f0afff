"""What a consumer's failures teach: what to step over, and when to give up."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from kafka.errors import BrokerResponseError, CorruptRecordError

from ..errors import SourceBroken
from ..log import action
from ..ports import Partition
from .codec import codec_missing, is_of_the_bytes
from .unreadable import UnreadableRanges

log = logging.getLogger(__name__)

_REBUILDS = 3


class ConsumerFailures:
    """Counts the consumers that failed in turn. The source's thread owns it.

    Args:
        unreadable: learns which records are corrupt.
    """

    def __init__(self, topic: str, unreadable: UnreadableRanges) -> None:
        self._topic = topic
        self._unreadable = unreadable
        self._n_in_turn = 0

    def forget(self) -> None:
        """A consumer read a record."""
        self._n_in_turn = 0

    def take(self, error: Exception, failed_at: Mapping[Partition, int]) -> None:
        """A consumer failed for good; return when a new one may read on.

        Args:
            failed_at: where it was.

        Raises:
            SourceBroken: a new one will fail alike.
            SourceUnavailable: the broker does not answer.
        """
        missing = codec_missing(error, f"topic {self._topic}")
        if missing is not None:  # our own fault: a new consumer would meet it again
            raise missing from error
        self._n_in_turn += 1
        if is_of_the_bytes(error) and self._learn(failed_at, error):
            self._n_in_turn = 0
        if self._n_in_turn > _REBUILDS:
            raise SourceBroken(
                f"{self._topic} cannot be read any further: {self._n_in_turn} consumers in a row failed with "
                f"{error!r} before they read a record",
                hint=_hint(error),
            ) from error
        log.error(
            "the consumer failed with %r; reading continues with a new one",
            error,
            extra=action("consumer_failed"),
        )

    def _learn(self, failed_at: Mapping[Partition, int], error: Exception) -> bool:
        """Return whether the failure was one of corrupt records that can now be stepped over."""
        found = self._unreadable.look(failed_at)
        for one in found:
            log.error(
                "%s; reading continues at offset %s",
                *(one.letter()[1], one.end),
                exc_info=error,
                extra=action("records_unreadable", offset=one.end),
            )
        return bool(found)


def _hint(error: Exception) -> str:
    if isinstance(error, BrokerResponseError) and not isinstance(error, CorruptRecordError):
        return f"the broker refuses this agent: {error.description or error.message}"
    return (
        "the log has the partition and offset; the record there may be corrupt on the broker's disk"
    )
