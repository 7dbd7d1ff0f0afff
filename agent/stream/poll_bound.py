"""Bounds what one poll returns: kafka-python counts records, and a compressed fetch holds many bytes.

Eight megabytes of gzip may hold gigabytes. So a poll ends when enough bytes are gathered, and the next
one goes on in the middle of what was fetched.
"""

from __future__ import annotations

from typing import Any


class PollBound:
    """Stands in for two methods of one consumer's fetcher. The consumer's thread owns it.

    Args:
        fetcher: of a kafka-python consumer that was never polled.
        max_bytes: a poll ends with the record that reaches it.
    """

    def __init__(self, fetcher: Any, *, max_bytes: int) -> None:
        self._fetcher = fetcher
        self._max_bytes = max_bytes
        self._n_bytes = 0
        self._append = fetcher._append  # noqa: SLF001 - there is no public way
        self._fetched_records = fetcher.fetched_records
        fetcher._append = self.append  # noqa: SLF001
        fetcher.fetched_records = self.fetched_records

    def fetched_records(self, max_records: int | None = None, update_offsets: bool = True) -> Any:
        """Return what was fetched, as the client does, up to the bound.

        Records that were parked when their partition was paused come back only into an empty place.
        The client leaves what it has used up there, and they would stay parked for good.
        """
        self._n_bytes = 0
        if not self._fetcher._next_partition_records:  # noqa: SLF001
            self._fetcher._next_partition_records = None  # noqa: SLF001
        return self._fetched_records(max_records, update_offsets)

    def append(self, drained: Any, part: Any, max_records: int, update_offsets: bool) -> int:
        """Take one record; return that there is room for no more when the bound is reached."""
        n_records = int(self._append(drained, part, 1, update_offsets))
        if n_records:
            record = drained[part.topic_partition][-1]
            self._n_bytes += len(record.value or b"") + len(record.key or b"")
        return max_records if self._n_bytes >= self._max_bytes else n_records
