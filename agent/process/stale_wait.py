"""The time in which an agent's model fits no active detector: it says so, and looks for another one."""

from __future__ import annotations

import logging
import socket
import threading
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

from driftgauge.storage import LIVE_STATES, STALE, HeartbeatRecord, Store, StoreUnavailable

from ..alert.stale_detector import stale_alert
from ..clock import SystemClock
from ..jobs.presence import agent_name
from ..log import action
from ..loop.status import LoopStatus
from ..settings.load import Settings
from ..telemetry import Metrics, agent_pages, serving
from ..wiring.notify import build_delivery
from .signals import stopping_on_signals

if TYPE_CHECKING:
    from ..notify.delivery import Delivery

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
LEASE_SECONDS = 120.0
CONDITION = "not scoring"
"""How an agent that waits calls its state; `review.standing` answers "held up" by it."""


@dataclass
class StaleWait:
    """The time in which an agent cannot score: it says so, and looks for another active detector.

    Attributes:
        detector: the version that does not fit.
        why: how the models differ, in words.
    """

    settings: Settings
    store: Store
    detector: str
    why: str

    def __post_init__(self) -> None:
        self._name = agent_name()
        self._clock = SystemClock()

    def until_another(self, stop: threading.Event, metrics: Metrics) -> bool:
        """Return True once another version is active; False where *stop* is set first."""
        delivery = build_delivery(self.settings, self.store)
        pages = agent_pages(
            self._status,
            self._clock,
            metrics,
            {"detector": self.detector},
            problem=lambda: self.why,
        )
        try:
            with stopping_on_signals(stop), serving(self.settings.http, pages):
                while not self._turn(delivery):
                    if stop.wait(LOOK_SECONDS):
                        return False
                return True
        finally:
            delivery.close()
            self._leave()

    def _turn(self, delivery: Delivery) -> bool:
        """Tell how it stands; return whether another version is active."""
        stream = self.settings.stream.name
        try:
            active = self.store.active_detector(stream)
            if active is not None and active.detector != self.detector:
                return True
            self._tell()
            if self._has(f"stale detector/{stream}"):
                self._alert()
            if delivery.has_sinks and self._has(f"alert delivery/{stream}"):
                delivery.turn()
        except StoreUnavailable as error:
            log.warning(
                "the database does not answer, and is asked again: %s",
                error,
                extra=action("stale_look_failed"),
            )
        return False

    def _has(self, lease: str) -> bool:
        return self.store.acquire_lease(lease, self._name, ttl_seconds=LEASE_SECONDS)

    def _alert(self) -> None:
        stream = self.settings.stream.name
        live = self.store.alerts(stream, states=LIVE_STATES)
        if not any(one.test == STALE for one in live):
            at = self.store.clock()
            told = stale_alert(
                stream=stream,
                detector=self.detector,
                why=self.why,
                at=at,
                fits_itself=self.settings.retrain.fit_on_new_model,
            )
            self.store.write_alerts([told])

    def _tell(self) -> None:
        self.store.heartbeat(self._heartbeat())

    def _heartbeat(self) -> HeartbeatRecord:
        return HeartbeatRecord(
            agent=self._name,
            stream=self.settings.stream.name,
            host=socket.gethostname(),
            version=metadata.version("driftgauge"),
            condition=f"{CONDITION}: {self.why}",
            detector_problem=self.why,
        )

    def _leave(self) -> None:
        try:
            self.store.leave(self._name)
        except StoreUnavailable as error:
            log.warning(
                "this agent's row could not be removed from the database: %s",
                error,
                extra=action("leave_not_told"),
            )

    def _status(self) -> LoopStatus:
        now = self._clock.monotonic()
        return LoopStatus(started_at=now, turned_at=now, flushed_at=now)
