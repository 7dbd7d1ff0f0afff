"""The store's calls: versions of the detector."""

from __future__ import annotations

from .. import detectors
from ..stream_records import DetectorRecord
from .connected import Connected


class DetectorCalls(Connected):
    """Calls on versions of the detector; see `Store`."""

    def register_detector(self, record: DetectorRecord) -> None:
        """Insert or update a version; an active one takes over from the one before it."""
        with self._database.write() as connection:
            detectors.register_detector(connection, record)

    def active_detector(self, stream: str) -> DetectorRecord | None:
        """Return the version that scores the stream now."""
        with self._database.read() as connection:
            return detectors.read_active(connection, stream)

    def detectors(self, stream: str) -> list[DetectorRecord]:
        """Return the stream's versions, newest first."""
        with self._database.read() as connection:
            return detectors.read_detectors(connection, stream)
