"""The store's calls: streams, their partitions, and the flushes that move them."""

from __future__ import annotations

from collections.abc import Collection

from .. import streams
from ..errors import RowRefused
from ..flush import write_flush
from ..flush_records import FlushRecord, RefusedRow
from ..histogram import DEFAULT_ALPHA
from ..isolation import WriteApart
from ..stream_records import PartitionRecord, StreamRecord
from .connected import Connected


class StreamCalls(Connected):
    """Calls on streams, their partitions, and the flushes that move them; see `Store`."""

    def ensure_stream(
        self, stream: str, topic: str, window_seconds: int, *, alpha: float = DEFAULT_ALPHA
    ) -> None:
        """Register the stream; raise RecordConflict if its windows have another length.

        Args:
            stream: its name.
            topic: where its events come from; may change.
            window_seconds: never changes.
            alpha: a p-value of at most this is out of distribution, everywhere; may change, and
                then holds for what was counted before as well.
        """
        with self._database.write() as connection:
            now = self._now(connection)
            wanted = StreamRecord(stream, topic, window_seconds, now, alpha)
            streams.ensure_stream(connection, wanted)

    def first_partitions(self, stream: str, n_now: int) -> int:
        """Return how many partitions the stream's topic had when any agent first read it.

        Args:
            stream: a registered one.
            n_now: how many it has; remembered by the first call.
        """
        with self._database.write() as connection:
            return streams.first_partitions(connection, stream, n_now)

    def streams(self) -> list[StreamRecord]:
        """Return every stream by name."""
        with self._database.read() as connection:
            return streams.read_streams(connection)

    def flush(self, flush: FlushRecord) -> None:
        """Write everything in one transaction; raise StaleFlush if it is not the next one.

        A stale flush wrote nothing: drop its counts and seek to the database's offsets.
        """
        try:
            with self._database.write() as connection:
                write_flush(connection, flush, self._now(connection))
        except RowRefused:
            if self._on_refused is None:
                raise
            self._on_refused(self._flush_apart(flush))

    def _flush_apart(self, flush: FlushRecord) -> list[RefusedRow]:
        """Write all but the rows that the database refuses; return those."""
        with self._database.write() as connection:
            write = WriteApart(connection, self._database.name)
            return write_flush(connection, flush, self._now(connection), write=write)

    def offsets(
        self, stream: str, partitions: Collection[tuple[str, int]]
    ) -> dict[tuple[str, int], int]:
        """Return the next offset of each partition that the database knows."""
        with self._database.read() as connection:
            return streams.read_offsets(connection, stream, partitions)

    def partitions(self, stream: str) -> list[PartitionRecord]:
        """Return how far each partition is counted."""
        with self._database.read() as connection:
            return streams.read_partitions(connection, stream)

    def note_topic(self, stream: str, topic: str, topic_id: str) -> str | None:
        """Compare the broker's id of the topic with that of the stored offsets.

        Returns:
            None when they are of this topic, or were of none; they are of this one from now on.
            Otherwise the id of the topic that they are of: it was deleted and recreated, and the
            offsets mean nothing in it. Nothing is changed then.
        """
        with self._database.write() as connection:
            return streams.note_topic(connection, stream, topic, topic_id)

    def accept_topic(self, stream: str, topic: str, topic_id: str) -> int:
        """Take the topic with this id for the stream's: drop the offsets of its earlier ids.

        Every partition of it is then read from its first record (`first_partitions` is 0). What was
        counted stays. Returns how many partitions had an offset.
        """
        with self._database.write() as connection:
            return streams.accept_topic(connection, stream, topic, topic_id)
