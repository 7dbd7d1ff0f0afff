"""The store's calls: incidents, and the mutes that keep them from people."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from .. import incidents, mutes
from ..incident_records import IncidentRecord, IncidentStep
from ..mute_records import MuteRecord, read_mutes
from .connected import Connected


class IncidentCalls(Connected):
    """Calls on incidents, and the mutes that keep them from people; see `Store`."""

    def mute(
        self,
        stream: str,
        segment: str | None,
        *,
        lasts: timedelta | None,
        by: str,
        why: str,
    ) -> MuteRecord:
        """Tell nobody of a segment's alerts; they are counted and kept as ever.

        Args:
            stream: its name.
            segment: a name, ``camera=*`` for all of a kind, None for every segment.
            lasts: by the database's clock; None until `unmute`.
            by: who says so.
            why: what they write.
        """
        with self._database.write() as connection:
            now = self._now(connection)
            expires_at = None if lasts is None else now + lasts
            return mutes.add_mute(
                connection, stream, segment, at=now, expires_at=expires_at, by=by, why=why
            )

    def unmute(
        self, stream: str, segments: Collection[str | None] | None, *, by: str
    ) -> list[MuteRecord]:
        """End the mutes of these segments, None for all there are; return those that held."""
        with self._database.write() as connection:
            now = self._now(connection)
            return mutes.lift_mutes(connection, stream, segments, at=now, by=by)

    def mutes(self, stream: str) -> list[MuteRecord]:
        """Return the mutes that hold now."""
        with self._database.read() as connection:
            return read_mutes(connection, stream, self._now(connection))

    def incidents(
        self,
        stream: str,
        *,
        states: Collection[str] | None = None,
        ids: Collection[int] | None = None,
        ended_since: datetime | None = None,
        limit: int | None = None,
    ) -> list[IncidentRecord]:
        """Return incidents, newest first; with *ended_since* only those that ended since then."""
        with self._database.read() as connection:
            return incidents.read_incidents(
                connection, stream, states=states, ids=ids, ended_since=ended_since, limit=limit
            )

    def incident_steps(self, number: int) -> list[IncidentStep]:
        """Return the steps in an incident's life in order: what receivers are told."""
        with self._database.read() as connection:
            return incidents.read_incident_steps(connection, number)
