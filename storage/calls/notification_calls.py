"""The store's calls: what waits for each receiver."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from .. import mutes, notifications
from ..delivery_records import NotificationAttempts, NotificationCount
from ..incident_records import Notification
from .connected import Connected


class NotificationCalls(Connected):
    """Calls on what waits for each receiver; see `Store`."""

    def queue_notifications(self, stream: str, sinks: Collection[str]) -> None:
        """Queue for each sink every step of the stream's alerts that it has not received yet."""
        with self._database.write() as connection:
            mutes.expire_mutes(connection, stream, self._now(connection))
            notifications.queue_notifications(
                connection, stream, sorted(sinks), self._now(connection)
            )

    def pending_notifications(
        self, stream: str, sink: str, *, limit: int = 100
    ) -> list[Notification]:
        """Return what waits for *sink*, oldest first."""
        with self._database.read() as connection:
            return notifications.read_pending(connection, stream, sink, limit=limit)

    def finish_notifications(self, ids: Collection[int], state: str, *, error: str = "") -> None:
        """Note that these are ``sent``, ``skipped`` or ``dead``."""
        with self._database.write() as connection:
            notifications.finish_notifications(
                connection, ids, state, now=self._now(connection), error=error
            )

    def note_attempts(self, ids: Collection[int], error: str) -> list[NotificationAttempts]:
        """Note an attempt at these that failed; return how often and how long each was tried."""
        with self._database.write() as connection:
            return notifications.note_attempts(connection, ids, error, self._now(connection))

    def told_alerts(self, stream: str, sink: str, alerts: Collection[int]) -> set[int]:
        """Return which of *alerts* the sink was sent anything about."""
        with self._database.read() as connection:
            return notifications.read_told(connection, stream, sink, alerts)

    def notification_counts(
        self, stream: str, states: Collection[str] = notifications.NOTIFICATION_STATES
    ) -> list[NotificationCount]:
        """Return how many notifications there are by sink and state."""
        with self._database.read() as connection:
            return notifications.count_notifications(connection, stream, states)

    def digest_at(self, stream: str, sink: str) -> datetime | None:
        """Return when *sink* was last sent a digest; None before it is noted first."""
        with self._database.read() as connection:
            return notifications.read_digest_at(connection, stream, sink)

    def note_digest(self, stream: str, sink: str, at: datetime) -> None:
        """Note when *sink*, which `queue_notifications` has registered, was sent a digest."""
        with self._database.write() as connection:
            notifications.note_digest(connection, stream, sink, at)
