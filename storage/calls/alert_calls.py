"""The store's calls: alerts, and what people say of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from .. import alerts, judgements, verdicts
from ..alert_records import AlertRecord, AlertTransition, VerdictCount
from .connected import Connected


class AlertCalls(Connected):
    """Calls on alerts, and what people say of them; see `Store`."""

    def alerts(
        self,
        stream: str | None = None,
        *,
        states: Collection[str] | None = None,
        segment: str | None = None,
        ids: Collection[int] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> list[AlertRecord]:
        """Return the alerts that fit, newest first; opened from *since*, before *until*."""
        with self._database.read() as connection:
            return alerts.read_alerts(
                connection,
                stream=stream,
                states=states,
                segment=segment,
                ids=ids,
                since=since,
                until=until,
                limit=limit,
            )

    def write_alerts(self, told: Sequence[AlertRecord]) -> list[AlertRecord]:
        """Write alerts that neither the monitor nor a look at silence makes; return them as stored."""
        with self._database.write() as connection:
            return judgements.write_alerts(connection, told, self._now(connection))

    def count_alerts(
        self,
        stream: str | None = None,
        *,
        states: Collection[str] | None = None,
        segment: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> int:
        """Return how many alerts fit."""
        with self._database.read() as connection:
            return alerts.count_alerts(
                connection, stream=stream, states=states, segment=segment, since=since, until=until
            )

    def continuable_alerts(
        self, stream: str, detector: str, *, refreshed_since: datetime
    ) -> list[AlertRecord]:
        """Return alerts that the monitor itself ended, last raised since then; the oldest first."""
        with self._database.read() as connection:
            return alerts.read_continuable(
                connection, stream, detector, refreshed_since=refreshed_since
            )

    def accepted_alerts(self, stream: str, detector: str) -> list[AlertRecord]:
        """Return the alerts of which a person said that the change is normal, the oldest first."""
        with self._database.read() as connection:
            return verdicts.read_accepted(connection, stream, detector)

    def alert(self, alert_id: int) -> AlertRecord | None:
        """Return one alert."""
        with self._database.read() as connection:
            return alerts.read_alert(connection, alert_id)

    def transition_alert(
        self, alert_id: int, state: str, *, at: datetime, by: str, note: str = ""
    ) -> AlertRecord:
        """Acknowledge or resolve an alert; raise RecordConflict if it is unknown or beyond that."""
        with self._database.write() as connection:
            return alerts.transition_alerts(connection, [alert_id], state, at=at, by=by, note=note)[
                0
            ]

    def transition_alerts(
        self, numbers: Sequence[int], state: str, *, at: datetime, by: str, note: str = ""
    ) -> list[AlertRecord]:
        """Acknowledge or resolve alerts, all or none; raise RecordConflict as for one."""
        with self._database.write() as connection:
            return alerts.transition_alerts(connection, numbers, state, at=at, by=by, note=note)

    def note_on_alert(self, alert_id: int, *, at: datetime, by: str, note: str) -> AlertRecord:
        """Keep a person's note on an alert; raise RecordConflict if it is unknown."""
        with self._database.write() as connection:
            return alerts.note_on_alert(connection, alert_id, at=at, by=by, note=note)

    def give_verdict(
        self, alert_id: int, verdict: str, *, at: datetime, by: str, note: str = ""
    ) -> AlertRecord:
        """Resolve an alert as ``real``, ``false`` or ``accepted``; of an ended one change the verdict."""
        with self._database.write() as connection:
            return verdicts.give_verdicts(connection, [alert_id], verdict, at=at, by=by, note=note)[
                0
            ]

    def give_verdicts(
        self, numbers: Sequence[int], verdict: str, *, at: datetime, by: str, note: str = ""
    ) -> list[AlertRecord]:
        """Give the verdict on alerts, all or none; see `give_verdict`."""
        with self._database.write() as connection:
            return verdicts.give_verdicts(connection, numbers, verdict, at=at, by=by, note=note)

    def verdict_counts(self, stream: str) -> list[VerdictCount]:
        """Return how often each test's alerts were right, by the word of people."""
        with self._database.read() as connection:
            return verdicts.count_verdicts(connection, stream)

    def transitions(self, alert_id: int) -> list[AlertTransition]:
        """Return the steps in an alert's life in order."""
        with self._database.read() as connection:
            return alerts.read_transitions(connection, alert_id)
