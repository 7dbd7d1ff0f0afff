"""Delivers what the alerts' transitions say, at least once and in order for each alert.

The transitions are the outbox (`storage.notifications`). A turn sends what is due; a failure makes
the sink wait, longer each time, and the alert's later steps wait behind the failed one. A crash
between sending and noting it repeats that one notice, under the same key.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Protocol

from driftgauge.storage import LIVE_STATES, SEVERITIES, AlertRecord, EvidenceRecord, Notification

from ..errors import NotificationUndelivered
from ..log import action
from ..ports import Clock
from ..retry.backoff import spread_delay
from .notice import Notice, kind_of
from .sink import RepeatingSink, Sink

log = logging.getLogger(__name__)

_delay = partial(spread_delay, first_seconds=5.0, max_seconds=600.0)
REPEAT_SECONDS = 60.0


class NotificationStore(Protocol):
    """The database, as far as deliveries need it."""

    def queue_notifications(self, stream: str, sinks: Sequence[str]) -> None:
        """Note for each sink every step that it has not been told yet."""

    def pending_notifications(
        self, stream: str, sink: str, *, limit: int = 100
    ) -> list[Notification]:
        """Return what waits for *sink*, oldest first."""

    def finish_notification(self, notification_id: int, state: str, *, error: str = "") -> None:
        """Note that one is ``sent``, ``skipped`` or ``dead``."""

    def note_attempt(self, notification_id: int, error: str) -> int:
        """Note an attempt that failed; return how many there were."""

    def has_told(self, stream: str, sink: str, alert_id: int) -> bool:
        """Return whether *sink* was sent anything about the alert."""

    def alert(self, alert_id: int) -> AlertRecord | None:
        """Return one alert."""

    def alerts(
        self, stream: str | None = None, *, states: Sequence[str] | None = None
    ) -> list[AlertRecord]:
        """Return alerts, newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """What to deliver.

    Attributes:
        min_severity: alerts below it are not told; one that worsens to it is.
        give_up: how long a notice is tried for, as far as the attempts' delays add up.
        page_url: where a person can read more of an alert; ``{alert}`` is its number.
    """

    stream: str
    min_severity: str
    give_up: timedelta
    page_url: str


class Delivery:
    """Sends notices to every sink. One thread at a time calls it.

    Args:
        describe: adds to an alert what only the database knows: examples and a picture.
    """

    def __init__(
        self,
        store: NotificationStore,
        sinks: Sequence[Sink],
        settings: DeliverySettings,
        clock: Clock,
        *,
        describe: Callable[[AlertRecord], tuple[Sequence[EvidenceRecord], bytes | None]],
    ) -> None:
        self._store = store
        self._sinks = tuple(sinks)
        self._settings = settings
        self._clock = clock
        self._describe = describe
        self._due_at: dict[str, float] = {}
        self._repeated_at: dict[str, float] = {}
        self._max_attempts = attempts_within(settings.give_up.total_seconds())

    @property
    def has_sinks(self) -> bool:
        """Whether anybody is to be told."""
        return bool(self._sinks)

    def turn(self) -> int:
        """Send what is due; return how many notices were sent.

        Raises:
            StorageError: the database did not accept the result; the next run continues.
        """
        self._store.queue_notifications(self._settings.stream, [sink.name for sink in self._sinks])
        return sum(self._serve(sink) for sink in self._sinks)

    def close(self) -> None:
        """Let go of the sinks."""
        for sink in self._sinks:
            sink.close()

    def _serve(self, sink: Sink) -> int:
        if self._clock.monotonic() < self._due_at.get(sink.name, float("-inf")):
            return 0
        n_sent = 0
        for notification in self._store.pending_notifications(self._settings.stream, sink.name):
            try:
                n_sent += self._deliver(sink, notification)
            except NotificationUndelivered as error:
                if not self._failed(sink, notification, error):
                    return n_sent
        self._repeat(sink)
        return n_sent

    def _deliver(self, sink: Sink, notification: Notification) -> bool:
        alert = self._store.alert(notification.transition.alert_id)
        if alert is None or not self._is_wanted(sink, alert):
            self._store.finish_notification(notification.id, "skipped")
            return False
        sink.send(self._notice(alert, notification))
        self._store.finish_notification(notification.id, "sent")
        log.info(
            "alert %s delivered to %s: %s",
            *(alert.id, sink.name, kind_of(notification)),
            extra=action("alert_delivered", alert=alert.id, sink=sink.name),
        )
        return True

    def _is_wanted(self, sink: Sink, alert: AlertRecord) -> bool:
        """Return whether the sink gets this step: if it received an alert, it also gets its end."""
        wanted = SEVERITIES.index(self._settings.min_severity)
        if SEVERITIES.index(alert.severity) >= wanted:
            return True
        return self._store.has_told(self._settings.stream, sink.name, alert.id or 0)

    def _notice(self, alert: AlertRecord, notification: Notification) -> Notice:
        examples, picture = self._describe(alert)
        step = notification.transition
        return Notice(
            key=f"driftgauge/{alert.stream}/{notification.sink}/{notification.transition_id}",
            kind=kind_of(notification),
            at=step.at,
            by=step.by,
            note=step.note,
            alert=alert,
            examples=examples,
            picture=picture,
            link=self._link(alert),
        )

    def _link(self, alert: AlertRecord) -> str:
        return self._settings.page_url.replace("{alert}", str(alert.id))

    def _failed(
        self, sink: Sink, notification: Notification, error: NotificationUndelivered
    ) -> bool:
        """Note a failure; return whether it was the last attempt, so that others may follow."""
        attempts = self._store.note_attempt(notification.id, str(error))
        if attempts >= self._max_attempts:
            self._store.finish_notification(notification.id, "dead", error=str(error))
            log.error(
                "alert %s is not delivered to %s after %s attempts and is given up: %s",
                *(notification.transition.alert_id, sink.name, attempts, error),
                extra=action("alert_given_up", sink=sink.name, attempts=attempts),
            )
            return True
        seconds = max(_delay(attempts - 1), error.retry_after_seconds)
        self._due_at[sink.name] = self._clock.monotonic() + seconds
        log.warning(
            "alert %s is not delivered to %s yet, next attempt in %.0f s: %s",
            *(notification.transition.alert_id, sink.name, seconds, error),
            extra=action("alert_undelivered", sink=sink.name, attempts=attempts),
        )
        return False

    def _repeat(self, sink: Sink) -> None:
        """Tell a receiver that forgets which alerts live."""
        now = self._clock.monotonic()
        last = self._repeated_at.get(sink.name)
        if not isinstance(sink, RepeatingSink) or (
            last is not None and now - last < REPEAT_SECONDS
        ):
            return
        alerts = self._store.alerts(self._settings.stream, states=LIVE_STATES)
        told = [alert for alert in alerts if self._is_wanted(sink, alert)]
        notices = [
            Notice(
                key=f"driftgauge/{alert.stream}/{sink.name}/live/{alert.id}",
                kind="opened",
                at=alert.opened_at,
                by="monitor",
                note="",
                alert=alert,
                link=self._link(alert),
            )
            for alert in told
        ]
        try:
            if notices:
                sink.repeat(notices)
        except NotificationUndelivered as error:
            log.warning(
                "the unresolved alerts were not repeated to %s: %s",
                *(sink.name, error),
                extra=action("alert_not_repeated", sink=sink.name),
            )
        self._repeated_at[sink.name] = now


def longest_delay(attempts: int) -> float:
    """Return the longest delay after so many attempts, in seconds.

    >>> [longest_delay(n) for n in (1, 2, 3, 20)]
    [5.0, 10.0, 20.0, 600.0]
    """
    return _delay(attempts - 1, chance=lambda: 0.0)


def attempts_within(seconds: float) -> int:
    """Return how many attempts fit in *seconds*, at the longest delays.

    A count, since no clock can set it back or ahead.

    >>> attempts_within(20), attempts_within(86_400)
    (3, 150)
    """
    n, total = 1, 0.0
    while (total := total + longest_delay(n)) <= seconds:
        n += 1
    return n
