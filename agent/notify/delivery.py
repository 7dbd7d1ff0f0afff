"""Delivers what the alerts' transitions say, at least once and in order for each alert.

The transitions are the outbox (`storage.notifications`). A turn sends what is due; a failure makes
the sink wait, longer each time, and the alert's later steps wait behind the failed one. A crash
between sending and noting it repeats that one message, under the same key.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from driftgauge.storage import (
    BACKLOG_STATES,
    ENDED_STATES,
    AlertRecord,
    NotificationCount,
    is_muted,
)

from ..errors import NotificationUndelivered
from ..log import action
from ..ports import Clock
from .composition import Composition
from .digest import DigestPlan
from .giving_up import is_over, next_delay
from .notice import kind_of
from .outbox import Outbox
from .parcel import Parcel, Step, planned, routed, unlimited, wanted
from .rate_limit import RateLimit
from .repeats import Repeats
from .routing import Routing, is_named
from .sink import Sink, SummarySink

log = logging.getLogger(__name__)

TURN_SECONDS = 45.0
"""A turn that sends for longer ends, so that it ends before its lease does."""
_MAX_STEPS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """How to deliver.

    Attributes:
        give_up: how long a notice is tried for.
        max_per_hour: messages to each sink that people read.
    """

    stream: str
    give_up: timedelta
    max_per_hour: int


class Delivery:
    """Sends to every sink what is due. One thread at a time calls it."""

    def __init__(
        self,
        store: Outbox,
        sinks: Sequence[Sink],
        settings: DeliverySettings,
        clock: Clock,
        *,
        routing: Routing,
        composition: Composition,
        digest: DigestPlan | None = None,
    ) -> None:
        self._store = store
        self._sinks = tuple(sinks)
        self._settings = settings
        self._clock = clock
        self._routing = routing
        self._composition = composition
        self._digest = digest
        self._n_refused: dict[str, int] = {}
        self._limits = {sink.name: RateLimit(settings.max_per_hour, clock) for sink in sinks}
        self._due_at: dict[str, float] = {}
        self._repeats = Repeats(store, settings.stream, clock, routing, composition)

    @property
    def has_sinks(self) -> bool:
        """Whether anybody is to be told."""
        return bool(self._sinks)

    def turn(self) -> int:
        """Send what is due; return how many steps were sent.

        Raises:
            StorageError: the database did not accept the result; the next run continues.
        """
        self._store.queue_notifications(self._settings.stream, [sink.name for sink in self._sinks])
        ends_at = self._clock.monotonic() + TURN_SECONDS
        n_sent = sum(self._serve(sink, ends_at) for sink in self._sinks)
        if self._clock.monotonic() >= ends_at:  # the slow one must not always come first
            self._sinks = self._sinks[1:] + self._sinks[:1]
        return n_sent

    def backlog(self) -> list[NotificationCount]:
        """Return how many steps wait for each sink and how many were given up, 0 included."""
        found = {
            (one.sink, one.state): one
            for one in self._store.notification_counts(self._settings.stream, BACKLOG_STATES)
        }
        return [
            found.get((sink.name, state), NotificationCount(sink.name, state, 0, ""))
            for sink in self._sinks
            for state in BACKLOG_STATES
        ]

    def close(self) -> None:
        """Let go of the sinks."""
        for sink in self._sinks:
            sink.close()

    def _serve(self, sink: Sink, ends_at: float) -> int:
        n_sent = 0
        if self._clock.monotonic() < self._due_at.get(sink.name, float("-inf")):
            return 0
        for parcel in self._parcels(sink):
            if self._clock.monotonic() >= ends_at:
                return n_sent
            try:
                self._send(sink, parcel)
                n_sent += len(parcel.steps)
            except NotificationUndelivered as error:
                if not self._failed(sink, parcel, error):
                    return n_sent
        self._send_digest(sink)
        self._repeats.turn(sink)
        return n_sent

    def _parcels(self, sink: Sink) -> list[Parcel]:
        """Return the messages that *sink* gets now, and skip what it does not get."""
        steps = self._waiting(sink)
        taken, left = wanted(
            steps, self._routing, sink.name, self._told(sink, [step.alert for step in steps])
        )
        taken, muted = self._without_muted(sink, taken)
        if left:
            self._skip(left, "")
        if muted:
            self._skip(muted, "muted")
        if not sink.is_for_people:
            return unlimited(taken)
        allowed = self._limits[sink.name].allowed()
        return planned(taken, self._routing, sink.name, now=self._clock.now(), allowed=allowed)

    def _skip(self, steps: Sequence[Step], why: str) -> None:
        ids = [step.notification.id for step in steps]
        self._store.finish_notifications(ids, "skipped", error=why)

    def _without_muted(self, sink: Sink, steps: Sequence[Step]) -> tuple[list[Step], list[Step]]:
        """Return the steps to send, and those of muted incidents; who knows of one is told its end."""
        mutes = self._store.mutes(self._settings.stream) if steps else []
        muted = [step for step in steps if is_muted(step.incident, mutes)]
        first = {step.alert.id or 0 for step in muted}
        told = self._store.told_alerts(self._settings.stream, sink.name, first) if muted else set()
        held = {
            step.notification.id
            for step in muted
            if step.notification.step.kind not in ENDED_STATES or step.alert.id not in told
        }
        return (
            [step for step in steps if step.notification.id not in held],
            [step for step in muted if step.notification.id in held],
        )

    def _waiting(self, sink: Sink) -> list[Step]:
        stream = self._settings.stream
        pending = self._store.pending_notifications(stream, sink.name, limit=_MAX_STEPS)
        if not pending:
            return []
        numbers = {one.step.incident_id for one in pending}
        found = {one.id: one for one in self._store.incidents(stream, ids=numbers)}
        faces = {one.id: routed(one, self._routing, sink.name) for one in found.values()}
        return [
            Step(one, found[one.step.incident_id], faces[one.step.incident_id]) for one in pending
        ]

    def _told(self, sink: Sink, alerts: Sequence[AlertRecord]) -> set[int]:
        """Return which alerts that the routes leave out *sink* knows all the same."""
        doubtful = {
            alert.id or 0 for alert in alerts if not self._routing.is_wanted(sink.name, alert)
        }
        if not doubtful:
            return set()
        return self._store.told_alerts(self._settings.stream, sink.name, doubtful)

    def _send(self, sink: Sink, parcel: Parcel) -> None:
        first = parcel.steps[0]
        if parcel.why is not None and isinstance(sink, SummarySink):
            sink.send_summary(self._composition.summary(parcel, parcel.why, self._clock.now()))
            said = f"{len(parcel.steps)} steps in one message"
        else:
            sink.send(self._composition.notice(first))
            said = kind_of(first.notification)
        self._limits[sink.name].take()
        self._store.finish_notifications(parcel.ids, "sent")
        log.info(
            "alert %s delivered to %s: %s",
            *(first.alert.id, sink.name, said),
            extra=action("alert_delivered", alert=first.alert.id, sink=sink.name),
        )

    def _failed(self, sink: Sink, parcel: Parcel, error: NotificationUndelivered) -> bool:
        """Note a failure; return whether it was the last attempt, so that others may follow."""
        tried = self._store.note_attempts(parcel.ids, str(error))
        over = [one for one in tried if is_over(one, self._settings.give_up)]
        alert, attempts = parcel.steps[0].alert.id, max(one.attempts for one in tried)
        if over:
            self._store.finish_notifications([one.id for one in over], "dead", error=str(error))
            log.error(
                "alert %s is not delivered to %s after %s attempts and is given up: %s",
                *(alert, sink.name, attempts, error),
                extra=action("alert_given_up", sink=sink.name, attempts=attempts),
            )
        if len(over) == len(tried):
            return True
        seconds = max(next_delay(attempts - 1), error.retry_after_seconds)
        self._due_at[sink.name] = self._clock.monotonic() + seconds
        log.warning(
            "alert %s is not delivered to %s yet, next attempt in %.0f s: %s",
            *(alert, sink.name, seconds, error),
            extra=action("alert_undelivered", sink=sink.name, attempts=attempts),
        )
        return False

    def _send_digest(self, sink: Sink) -> None:
        """Send the digest if one is due; it is not retried for longer than until the next."""
        digest, stream, now = self._digest, self._settings.stream, self._clock.now()
        if digest is None or not isinstance(sink, SummarySink):
            return
        if not any(is_named(sink.name, pattern) for pattern in digest.sinks):
            return
        last = self._store.digest_at(stream, sink.name)
        if last is None or last > now:  # a new receiver, or the clock was ahead
            self._store.note_digest(stream, sink.name, now)
            return
        if last >= digest.last_due(now):
            return
        try:
            sink.send_summary(digest.compose(sink.name, last, now))
        except NotificationUndelivered as error:
            self._n_refused[sink.name] = n = self._n_refused.get(sink.name, 0) + 1
            seconds = max(next_delay(n - 1), error.retry_after_seconds)
            self._due_at[sink.name] = self._clock.monotonic() + seconds
            log.warning(
                "the digest is not delivered to %s yet, next attempt in %.0f s: %s",
                *(sink.name, seconds, error),
                extra=action("digest_undelivered", sink=sink.name),
            )
            return
        self._n_refused.pop(sink.name, None)
        self._store.note_digest(stream, sink.name, now)
        log.info(
            "the digest is delivered to %s",
            sink.name,
            extra=action("digest_delivered", sink=sink.name),
        )
