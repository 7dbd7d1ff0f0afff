"""Tells segments that have fallen silent or send much less than usual, and ends the alerts of those that are gone.

It looks about once a minute, by the database's clock alone: no clock of a camera or an agent can hide a
silence or fake one. It knows only what agents count, so a time in which they did not run, waited, or had a
backlog is not watched: nothing is known of it.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from driftgauge.storage import (
    LIVE_STATES,
    POOL,
    AgentRecord,
    AlertRecord,
    Arrivals,
    ArrivalsLook,
    ArrivalsRead,
)

from ..log import action
from .arrivals import ArrivalPattern
from .fewer_look import FewerLook
from .silence_look import SilenceLook
from .silence_settings import SilenceSettings

log = logging.getLogger(__name__)

CELL_SECONDS = 60.0
LONGEST_CELL = timedelta(seconds=3 * CELL_SECONDS)
"""Looks further apart than this: nobody watched in between."""

AGENT_SECONDS = 60.0
"""An agent that was not seen for so long does not run."""

SMALL_BACKLOG = 100
"""Records; a backlog of more, and of more than came in a cell, may hold the events that seem missing."""

CELLS_BETWEEN_WRITES = 15
"""Patterns change with each cell, and are written so rarely; who resumes makes up for the cells between."""

FORGET = timedelta(days=30)


class ArrivalStore(Protocol):
    """The database, as far as silence needs it."""

    def arrivals(self, stream: str) -> ArrivalsRead:
        """Return what each segment sent so far."""

    def arrival_patterns(self, stream: str) -> dict[str, bytes]:
        """Return what the last looks kept."""

    def agents(self, stream: str) -> list[AgentRecord]:
        """Return the agents that run."""

    def alerts(
        self, stream: str | None = None, *, states: Collection[str] | None = None
    ) -> list[AlertRecord]:
        """Return alerts, newest first."""

    def write_look(self, look: ArrivalsLook) -> list[AlertRecord]:
        """Write a look in one transaction."""


class SilenceWatch:
    """Looks at the arrivals of one stream. It keeps nothing that it could not read again."""

    def __init__(self, store: ArrivalStore, settings: SilenceSettings) -> None:
        self._store = store
        self._settings = settings
        self._patterns: dict[str, ArrivalPattern] = {}
        self._written_at: datetime | None = None
        self._was_watched = False
        self._cells = 0

    def use(self, detector: str) -> None:
        """Name this version in alerts from now on."""
        if detector != self._settings.detector:
            self._settings = replace(self._settings, detector=detector)

    def look(self) -> list[AlertRecord]:
        """Look at what has arrived since the last look; return alerts opened and ended.

        Raises:
            RecordConflict: another agent looked meanwhile; nothing was written.
            StoreUnavailable: the database does not answer; nothing was written.
        """
        stream = self._settings.stream
        read = self._store.arrivals(stream)
        if read.looked_at is None or read.looked_at != self._written_at:
            self._resume(read)
        changed, spoken = self._advance(read)
        live = self._store.alerts(stream, states=LIVE_STATES)
        look = SilenceLook(self._settings, self._patterns, read.at, live)
        ended = look.ended(spoken)
        told = look.told()
        fewer = FewerLook(self._settings, self._patterns, read.at, live)
        ended, told = [*ended, *fewer.ended()], [*told, *fewer.told()]
        self._cells += 1
        if self._cells >= CELLS_BETWEEN_WRITES:
            changed, self._cells = set(self._patterns), 0
        kept = {name: self._dump(name) for name in {*changed, *look.changed, *fewer.changed}}
        self._written_at = None  # a look that fails leaves patterns that are not in the database
        stored = self._store.write_look(
            ArrivalsLook(stream=stream, read=read, patterns=kept, alerts=[*ended, *told])
        )
        self._written_at = read.at
        for alert in stored:
            _log(alert)
        return stored

    def _resume(self, read: ArrivalsRead) -> None:
        """Read the patterns, and take in the cells that the last agent looked at and had not written."""
        kept = self._store.arrival_patterns(self._settings.stream)
        loaded = {name: ArrivalPattern.load(pattern) for name, pattern in kept.items()}
        self._patterns = {name: pattern for name, pattern in loaded.items() if pattern is not None}
        self._cells = 0
        for row in read.segments:
            pattern = self._patterns.get(row.segment)
            if pattern and read.looked_at and pattern.events == row.events:
                begins = max(
                    pattern.looked_at, read.looked_at - CELLS_BETWEEN_WRITES * LONGEST_CELL
                )
                if begins < read.looked_at:
                    pattern.look(
                        begins, read.looked_at, arrived_at=row.arrived_at, events=row.events
                    )

    def _dump(self, name: str) -> bytes | None:
        return self._patterns[name].dump() if name in self._patterns else None

    def _advance(self, read: ArrivalsRead) -> tuple[set[str], set[str]]:
        """Take in a cell of every segment; return those to be written, and those that speak again."""
        start, end = read.looked_at or read.at, read.at
        is_watched = timedelta(0) < end - start <= LONGEST_CELL and self._is_watched(read.segments)
        changed = set() if is_watched == self._was_watched else set(self._patterns)
        self._was_watched = is_watched
        spoken = set()
        for row in read.segments:
            pattern = self._patterns.get(row.segment)
            if pattern is None:
                if end - row.arrived_at < LONGEST_CELL:
                    self._patterns[row.segment] = ArrivalPattern(row.arrived_at, row.events)
                    changed.add(row.segment)
                continue
            was_held = pattern.held_from is not None
            at_events = {"arrived_at": row.arrived_at, "events": row.events}
            if is_watched:
                spoke = pattern.look(start, end, **at_events)  # type: ignore[arg-type]  # by name
            else:
                spoke = pattern.skip(end, **at_events)  # type: ignore[arg-type]  # by name
            if spoke and was_held:
                spoken.add(row.segment)
            if end - pattern.arrived_at > FORGET:
                del self._patterns[row.segment]
                changed.add(row.segment)
        return changed | spoken, spoken

    def _is_watched(self, rows: Sequence[Arrivals]) -> bool:
        """Return whether what was sent would have been counted: agents run, and none is far behind."""
        agents = [
            agent
            for agent in self._store.agents(self._settings.stream)
            if agent.seen_seconds_ago <= AGENT_SECONDS
        ]
        running = [agent for agent in agents if agent.condition.startswith("running")]
        standby = [
            agent for agent in agents if agent.condition.startswith("waiting for partitions")
        ]
        pool = self._patterns.get(POOL)
        came = sum(row.events - pool.events for row in rows if pool and row.segment == POOL)
        backlog = sum(agent.lag_messages or 0 for agent in running)
        is_whole = bool(running) and len(running) + len(standby) == len(agents)
        return is_whole and backlog <= max(SMALL_BACKLOG, came)


def _log(alert: AlertRecord) -> None:
    if alert.state in LIVE_STATES:
        log.warning(
            "alert %s opened: %s",
            *(alert.id, alert.message),
            extra=action("alert_opened", alert=alert.id, segment=alert.segment),
        )
    else:
        why = "it sends as usual" if alert.state == "resolved" else "it has sent nothing for long"
        log.info(
            "alert %s of %s is %s: %s",
            *(alert.id, alert.segment, alert.state, why),
            extra=action("alert_resolved", alert=alert.id, segment=alert.segment),
        )
