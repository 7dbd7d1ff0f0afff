"""The calls that change the status of detector versions, and tell of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection

from . import detector_figures, detector_life, detectors
from .database import Database
from .detector_life import Reason
from .detector_records import DetectorChange, DetectorFigures, DetectorRecord
from .shadow_rates import ShadowRate, read_shadow_alarms, read_shadow_rates
from .trial_records import ShadowAlarm


class Use(Protocol):
    """Puts a version to use."""

    def __call__(
        self,
        connection: Connection,
        stream: str,
        name: str,
        reason: Reason,
        *,
        even_refused: bool = False,
    ) -> DetectorRecord:
        """Change its status in the caller's transaction."""


class Versions:
    """Detector versions of a database's streams; each call is one transaction.

    Each change is written with who made it, when by the database's clock, and why.

    Args:
        database: upgraded to this version.
        now: gives the database's time.
    """

    def __init__(self, database: Database, now: Callable[[Connection], datetime]) -> None:
        self._database = database
        self._now = now

    def get(self, stream: str, name: str) -> DetectorRecord | None:
        """Return one version."""
        with self._database.read() as connection:
            return detectors.read_detector(connection, stream, name)

    def shadow_of(self, stream: str) -> DetectorRecord | None:
        """Return the version that scores beside the active one."""
        with self._database.read() as connection:
            return detectors.read_in_status(connection, stream, "shadow")

    def changes(self, stream: str, name: str | None = None) -> list[DetectorChange]:
        """Return the steps in the lives of the stream's versions, or of one, in order."""
        with self._database.read() as connection:
            return detectors.read_changes(connection, stream, name)

    def figures(self, stream: str) -> dict[str, DetectorFigures]:
        """Return what each version has counted, by its name."""
        with self._database.read() as connection:
            return detector_figures.read_figures(connection, stream, self._now(connection))

    def waiting(self, stream: str, *, within_seconds: float) -> list[str]:
        """Return the versions with counts that wait to be judged and came so lately, by name."""
        with self._database.read() as connection:
            since = self._now(connection) - timedelta(seconds=within_seconds)
            return detector_figures.read_waiting_names(connection, stream, since)

    def shadow_rates(
        self, stream: str, *, active: str, shadow: str, since: datetime
    ) -> list[ShadowRate]:
        """Return each segment's rates in the windows from *since* on that both versions counted."""
        with self._database.read() as connection:
            return read_shadow_rates(connection, stream, active=active, shadow=shadow, since=since)

    def shadow_alarms(self, stream: str, shadow: str) -> list[ShadowAlarm]:
        """Return where a shadow would have raised an alert."""
        with self._database.read() as connection:
            return read_shadow_alarms(connection, stream, shadow)

    def count_windows(self, stream: str, name: str) -> int:
        """Return how many windows of the whole stream a version counted in its last two days."""
        with self._database.read() as connection:
            return detector_figures.count_windows(connection, stream, name)

    def register(self, record: DetectorRecord, *, by: str, note: str = "") -> None:
        """Insert or update a version; see `detector_life.register_detector`."""
        with self._database.write() as connection:
            detector_life.register_detector(connection, record, self._reason(connection, by, note))

    def promote(
        self, stream: str, name: str, *, by: str, note: str = "", even_refused: bool = False
    ) -> DetectorRecord:
        """Let a version score the stream from now on; live alerts are judged by it.

        Raises:
            RecordConflict: it is unknown, active, pruned, or refused.
        """
        return self._use(
            detector_life.promote_detector, stream, name, by, note, even_refused=even_refused
        )

    def rollback(
        self, stream: str, *, by: str, note: str = ""
    ) -> tuple[DetectorRecord, DetectorRecord]:
        """Let the version that was active before score again; return the one left and that one.

        Raises:
            RecordConflict: there is none, or its artifact was deleted.
        """
        with self._database.write() as connection:
            reason = self._reason(connection, by, note)
            return detector_life.rollback_detector(connection, stream, reason)

    def shadow(
        self, stream: str, name: str, *, by: str, note: str = "", even_refused: bool = False
    ) -> DetectorRecord:
        """Let a version score beside the active one; a shadow that there is ends.

        Raises:
            RecordConflict: it is unknown, active, pruned, or refused.
        """
        return self._use(
            detector_life.shadow_detector, stream, name, by, note, even_refused=even_refused
        )

    def refuse(self, stream: str, name: str, *, by: str, note: str) -> DetectorRecord:
        """Use a version for nothing; a shadow ends.

        Raises:
            RecordConflict: it is unknown or active.
        """
        with self._database.write() as connection:
            return detector_life.refuse_detector(
                connection, stream, name, self._reason(connection, by, note)
            )

    def note_pruned(self, stream: str, name: str, *, by: str, note: str = "") -> None:
        """Note that a version's artifact was deleted, and forget baselines that only it can use."""
        with self._database.write() as connection:
            detector_life.note_pruned(connection, stream, name, self._reason(connection, by, note))

    def _use(
        self, change: Use, stream: str, name: str, by: str, note: str, *, even_refused: bool
    ) -> DetectorRecord:
        with self._database.write() as connection:
            reason = self._reason(connection, by, note)
            return change(connection, stream, name, reason, even_refused=even_refused)

    def _reason(self, connection: Connection, by: str, note: str) -> Reason:
        return Reason(by=by, note=note, at=self._now(connection))
