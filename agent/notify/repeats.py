"""What a receiver that forgets is told again: which alerts live, and which have ended lately.

An end that was accepted may be lost before the receiver passes it on, where it restarts between the two.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from driftgauge.storage import ENDED_STATES, LIVE_STATES, IncidentRecord, is_muted

from ..errors import NotificationUndelivered
from ..log import action
from ..ports import Clock
from .composition import Composition
from .outbox import Outbox
from .parcel import routed
from .routing import Routing
from .sink import RepeatingSink, Sink

log = logging.getLogger(__name__)

REPEAT_SECONDS = 60.0
END_REPEATED = timedelta(minutes=15)
"""So long an end is repeated, as Prometheus does."""


class Repeats:
    """Repeats to each sink that wants it what it was told, once a minute."""

    def __init__(
        self,
        store: Outbox,
        stream: str,
        clock: Clock,
        routing: Routing,
        composition: Composition,
    ) -> None:
        self._store = store
        self._stream = stream
        self._clock = clock
        self._routing = routing
        self._composition = composition
        self._repeated_at: dict[str, float] = {}

    def turn(self, sink: Sink) -> None:
        """Repeat what is due to *sink*; one that does not take it is told a minute later."""
        now = self._clock.monotonic()
        last = self._repeated_at.get(sink.name)
        is_early = last is not None and now - last < REPEAT_SECONDS
        if not isinstance(sink, RepeatingSink) or is_early:
            return
        shown = [*self._live(sink.name), *self._ended(sink.name)]
        try:
            if shown:
                sink.repeat([self._composition.repeated(one, sink.name) for one in shown])
        except NotificationUndelivered as error:
            log.warning(
                "the unresolved alerts were not repeated to %s: %s",
                *(sink.name, error),
                extra=action("alert_not_repeated", sink=sink.name),
            )
        self._repeated_at[sink.name] = now

    def _live(self, sink: str) -> list[IncidentRecord]:
        """Return the incidents that live, are not muted, and are wanted or known there."""
        mutes = self._store.mutes(self._stream)
        live = self._store.incidents(self._stream, states=LIVE_STATES)
        faces = [
            (one, routed(one, self._routing, sink)) for one in live if not is_muted(one, mutes)
        ]
        doubtful = {face.id or 0 for _, face in faces if not self._routing.is_wanted(sink, face)}
        known = self._told(sink, doubtful)
        return [one for one, face in faces if face.id not in doubtful or face.id in known]

    def _ended(self, sink: str) -> list[IncidentRecord]:
        """Return the incidents that ended lately and that *sink* knows of."""
        since = self._clock.now() - END_REPEATED
        ended = self._store.incidents(self._stream, states=ENDED_STATES, ended_since=since)
        known = self._told(sink, {one.alert.id or 0 for one in ended})
        return [one for one in ended if one.alert.id in known]

    def _told(self, sink: str, alerts: set[int]) -> set[int]:
        return self._store.told_alerts(self._stream, sink, alerts) if alerts else set()
