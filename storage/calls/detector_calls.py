"""The store's calls: versions of the detector."""

from __future__ import annotations

from .. import detectors
from ..detector_records import DetectorRecord
from ..versions import Versions
from .connected import Connected


class DetectorCalls(Connected):
    """Calls on versions of the detector; see `Store`."""

    def register_detector(self, record: DetectorRecord, *, by: str = "fit", note: str = "") -> None:
        """Insert or update a version; an active one takes over from the one before it."""
        self.versions.register(record, by=by, note=note)

    def active_detector(self, stream: str) -> DetectorRecord | None:
        """Return the version that scores the stream now."""
        with self._database.read() as connection:
            return detectors.read_in_status(connection, stream, "active")

    def detectors(self, stream: str) -> list[DetectorRecord]:
        """Return the stream's versions, newest first."""
        with self._database.read() as connection:
            return detectors.read_detectors(connection, stream)

    @property
    def versions(self) -> Versions:
        """What changes the status of detector versions, and tells of them."""
        return Versions(self._database, self._now)
