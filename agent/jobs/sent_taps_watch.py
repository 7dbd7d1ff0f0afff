"""Tells people that a serving process sends taps which the active detector cannot score, and when that is over."""

from __future__ import annotations

from collections.abc import Callable

from driftgauge.storage import LIVE_STATES, SENT_TAPS, AlertRecord, Store

from ..alert.sent_taps_alert import ended, sent_taps_alert
from ..loop.other_model import QUIET_SECONDS
from ..loop.status import LoopStatus
from ..ports import Clock
from ..review.standing import is_alive

INTERVAL_SECONDS = 5.0
LEASE_SECONDS = 30.0
MARK = "taps of another model are not scored"
"""Begins what an agent that is sent such taps says of itself; others see by it that the alert still holds."""


class SentTapsWatch:
    """Raises the stream's alert, one for all agents, and ends it once no agent is sent such taps.

    One job's thread owns it; `problem` is for every thread.

    Args:
        agent: its name, which holds the lease while it writes.
        status: the loop's.
    """

    def __init__(
        self,
        store: Store,
        status: Callable[[], LoopStatus],
        clock: Clock,
        *,
        agent: str,
        stream: str,
    ) -> None:
        self._store = store
        self._status = status
        self._clock = clock
        self._agent = agent
        self._stream = stream

    @property
    def problem(self) -> str | None:
        """What this agent is sent and cannot score, after whether it scores others; None for nothing."""
        status = self._status()
        other = status.other_model
        if other is None or other.is_over(status.n_scored, self._clock.monotonic()):
            return None
        said = f"{MARK}, {other.n_events} events so far: {other.why}"
        return f"not scoring: {said}" if other.is_all(status.n_scored) else f"running, but {said}"

    def look(self) -> None:
        """Raise the alert or end it, if that is due.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        if self.problem is None and not self._may_end():
            return
        name = f"sent taps/{self._stream}"
        if self._store.acquire_lease(name, self._agent, ttl_seconds=LEASE_SECONDS):
            self._write()
            self._store.release_lease(name, self._agent)

    def _write(self) -> None:
        live, now, status = self._live(), self._store.clock(), self._status()
        if self.problem is None:
            self._store.write_alerts([ended(one, now, status.detector) for one in live])
        elif not live and status.other_model is not None:
            told = sent_taps_alert(
                stream=self._stream, detector=status.detector, why=status.other_model.why, at=now
            )
            self._store.write_alerts([told])

    def _may_end(self) -> bool:
        """Return whether an alert lives, this agent scores, and no other one is sent such taps."""
        status = self._status()
        is_young = self._clock.monotonic() - status.started_at < QUIET_SECONDS
        if is_young or not status.n_scored or not self._live():
            return False
        agents = self._store.agents(self._stream)
        return not any(MARK in one.condition for one in agents if is_alive(one))

    def _live(self) -> list[AlertRecord]:
        alerts = self._store.alerts(self._stream, states=LIVE_STATES)
        return [one for one in alerts if one.test == SENT_TAPS]
