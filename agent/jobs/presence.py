"""Tells the database that this agent lives, and how it is, for those who ask ``driftgauge status``."""

from __future__ import annotations

import logging
import os
import socket
import uuid
from collections.abc import Callable
from importlib import metadata

from driftgauge.storage import HeartbeatRecord, Store, StoreUnavailable

from ..log import action
from ..loop.outages import NAMES
from ..loop.status import LoopStatus
from ..ports import Clock

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 10.0
STUCK_SECONDS = 60.0
"""A turn that takes so long is told: longer than any but the slowest batch."""


def agent_name() -> str:
    """Return a unique name: containers may share host names and process ids."""
    return f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"


class Presence:
    """The agent's row in the database, with its state; removed at a clean shutdown.

    It runs as a job, not in the loop: so a hanging loop is reported as well.

    Args:
        name: unique, see `agent_name`.
        status: the loop's.
    """

    def __init__(
        self,
        store: Store,
        status: Callable[[], LoopStatus],
        clock: Clock,
        *,
        name: str,
        stream: str,
    ) -> None:
        self._store = store
        self._status = status
        self._clock = clock
        self._name = name
        self._stream = stream
        self._problem: Callable[[], str | None] = lambda: None
        self._sent_taps: Callable[[], str | None] = lambda: None

    def ask_problem(self, problem: Callable[[], str | None]) -> None:
        """Tell with each heartbeat why the agent does not score with the active detector, if so."""
        self._problem = problem

    def ask_sent_taps(self, problem: Callable[[], str | None]) -> None:
        """Tell with each heartbeat, instead of that it runs, which sent taps the agent cannot score, if any."""
        self._sent_taps = problem

    def tell(self) -> None:
        """Write the row; raise StoreUnavailable when that cannot be done now."""
        status, now = self._status(), self._clock.monotonic()
        written_at, lags = status.written_at, status.lag.partitions.values()
        wall = self._clock.now().timestamp()
        self._store.heartbeat(
            HeartbeatRecord(
                agent=self._name,
                stream=self._stream,
                host=socket.gethostname(),
                version=metadata.version("driftgauge"),
                condition=self._condition(status, now),
                flushed_seconds_ago=None if written_at is None else now - written_at,
                lag_messages=sum(lag.messages for lag in lags) if lags else None,
                lag_seconds=max(lag.seconds(wall) for lag in lags) if lags else None,
                dead_letters=status.n_dead_letters,
                dead_letter_reason=status.last_dead_letter or None,
                detector=status.detector or None,
                shadow=status.shadow,
                detector_problem=self._problem(),
            )
        )

    def _condition(self, status: LoopStatus, now: float) -> str:
        said, problem = condition(status, now), self._problem()
        if said.startswith("running"):
            said = self._sent_taps() or said
        return f"{said}; {problem}" if problem else said

    def leave(self) -> None:
        """Remove the row and give back the leases; where that fails, the row grows old instead."""
        try:
            self._store.leave(self._name)
        except StoreUnavailable as error:
            log.warning(
                "this agent's row could not be removed from the database: %s",
                error,
                extra=action("leave_not_told"),
            )


def condition(status: LoopStatus, now: float) -> str:
    """Return in a few words what an agent does.

    Example:
        >>> condition(LoopStatus(started_at=0.0, turned_at=9.0, flushed_at=5.0), 10.0)
        'waiting for partitions'
    """
    if now - status.turned_at > STUCK_SECONDS:
        return f"stuck for {now - status.turned_at:.0f} s"
    if status.unavailable:
        return f"waiting for {' and '.join(NAMES[name] for name in status.unavailable)}"
    if not status.partitions:
        return "waiting for partitions"
    if status.missing_segments:
        return f"running, but no event has the segment {', '.join(status.missing_segments)}"
    return "running"
