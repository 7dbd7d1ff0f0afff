"""The store's calls: what each segment sent, and when."""

from __future__ import annotations

from .. import arrival_patterns
from ..alert_records import AlertRecord
from ..arrival_records import ArrivalsLook, ArrivalsRead
from .connected import Connected


class ArrivalCalls(Connected):
    """Calls on what each segment sent, and when; see `Store`."""

    def arrivals(self, stream: str) -> ArrivalsRead:
        """Return what each segment sent so far, by the database's clock alone."""
        with self._database.read() as connection:
            return arrival_patterns.read_arrivals(connection, stream, self._now(connection))

    def arrival_patterns(self, stream: str) -> dict[str, bytes]:
        """Return what is known of each segment's arrivals, as `write_look` was given it."""
        with self._database.read() as connection:
            return arrival_patterns.read_arrival_patterns(connection, stream)

    def write_look(self, look: ArrivalsLook) -> list[AlertRecord]:
        """Write patterns and alerts of silence in one transaction; return the alerts as stored.

        Raises:
            RecordConflict: another agent has looked since *look* was read; nothing was written.
        """
        with self._database.write() as connection:
            return arrival_patterns.write_look(connection, look)
