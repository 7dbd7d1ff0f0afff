"""What deliveries need of the database."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from driftgauge.storage import (
    IncidentRecord,
    MuteRecord,
    Notification,
    NotificationAttempts,
    NotificationCount,
)


class Outbox(Protocol):
    """The database, as far as deliveries need it; `Store` is one."""

    def queue_notifications(self, stream: str, sinks: Sequence[str]) -> None:
        """Queue for each sink every step that it has not been told yet."""

    def pending_notifications(
        self, stream: str, sink: str, *, limit: int = 100
    ) -> list[Notification]:
        """Return what waits for *sink*, oldest first."""

    def finish_notifications(self, ids: Collection[int], state: str, *, error: str = "") -> None:
        """Note that these are ``sent``, ``skipped`` or ``dead``."""

    def note_attempts(self, ids: Collection[int], error: str) -> list[NotificationAttempts]:
        """Note an attempt at these that failed; return how often and how long each was tried."""

    def told_alerts(self, stream: str, sink: str, alerts: Collection[int]) -> set[int]:
        """Return which of *alerts* the sink was sent anything about."""

    def notification_counts(self, stream: str, states: Collection[str]) -> list[NotificationCount]:
        """Return how many there are by sink and state."""

    def digest_at(self, stream: str, sink: str) -> datetime | None:
        """Return when *sink* was last sent a digest; None before it is noted first."""

    def note_digest(self, stream: str, sink: str, at: datetime) -> None:
        """Note that *sink* was sent a digest."""

    def mutes(self, stream: str) -> list[MuteRecord]:
        """Return the mutes that hold now."""

    def incidents(
        self,
        stream: str,
        *,
        states: Collection[str] | None = None,
        ids: Collection[int] | None = None,
        ended_since: datetime | None = None,
    ) -> list[IncidentRecord]:
        """Return incidents, newest first; with *ended_since* only those that ended since then."""
