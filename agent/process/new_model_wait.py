"""The time until a new model has its first detector: its taps are kept, and the detector is fitted from them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from driftgauge.storage import HeartbeatRecord, RecordConflict, RetrainingRecord

from ..jobs.jobs import KEPT_SECONDS
from ..jobs.schedule import Job, Schedule
from ..log import action
from ..retrain.lease_keeper import is_free
from ..retrain.new_model import TRIGGER, FirstFitNeeds, KeptOfModel, kept_of, last_attempt
from ..retrain.own_process import LOG, is_alive, start_apart
from ..telemetry import Metrics, agent_pages, serving
from ..wiring.keep import run_seconds
from ..wiring.notify import build_delivery
from ..wiring.retrain import keep_bounds
from ..wiring.taps_agent import TapsAgent
from .signals import stopping_on_signals
from .stale_wait import LOOK_SECONDS, StaleWait
from .watchdog import Watchdog

if TYPE_CHECKING:
    from ..loop.status import LoopStatus
    from ..notify.delivery import Delivery

log = logging.getLogger(__name__)

BuildTaps = Callable[[threading.Event], TapsAgent]
"""Builds what reads the stream until the event is set."""


class _EitherEvent(threading.Event):
    """Set by itself, or by another event."""

    def __init__(self, other: threading.Event) -> None:
        super().__init__()
        self._other = other

    def is_set(self) -> bool:
        """Return whether one of the two is set."""
        return super().is_set() or self._other.is_set()


@dataclass
class NewModelWait(StaleWait):
    """Reads the stream on without scoring, and keeps taps; one agent starts the fit when they are enough.

    All that it knows is in the database: whichever agent holds the lease goes on with it.
    """

    build: BuildTaps

    def until_another(self, stop: threading.Event, metrics: Metrics) -> bool:
        """Return True once another version is active; False where *stop* is set first.

        Raises:
            AgentError, DetectorError, StorageError: what ended the loop, or a job beside it.
        """
        failures: list[Exception] = []
        leave = _EitherEvent(stop)

        def fail(error: Exception) -> None:
            failures.append(error)
            leave.set()

        self._is_found = False
        self._begin_to_wait()
        self._agent = agent = self.build(leave)
        delivery = build_delivery(self.settings, self.store)
        pages = agent_pages(
            agent.loop.status,
            self._clock,
            metrics,
            {"detector": self.detector},
            problem=lambda: self.why,
        )
        try:
            with (
                stopping_on_signals(stop),
                serving(self.settings.http, pages),
                Schedule(self._jobs(delivery, leave), on_failure=fail),
                Watchdog(lambda: agent.loop.status().turned_at, self._clock),
            ):
                try:
                    agent.loop.run()
                finally:
                    leave.set()
        finally:
            delivery.close()
            self._leave()
        if failures:
            raise failures[0]
        return self._is_found and not stop.is_set()

    def _begin_to_wait(self) -> None:
        self._lacking = self._hindered = ""
        self._pid: int | None = None
        self._n_started = 0

    def _jobs(self, delivery: Delivery, leave: threading.Event) -> list[Job]:
        jobs = [Job("new model", partial(self._work, delivery, leave), LOOK_SECONDS)]
        upkeep = self._agent.upkeep
        if upkeep is not None:
            jobs.append(Job("kept taps", lambda: upkeep.turn(self.store.clock()), KEPT_SECONDS))
        return jobs

    def _work(self, delivery: Delivery, leave: threading.Event) -> None:
        if self._turn(delivery):
            self._is_found = True
            leave.set()
        else:
            self._go_on()

    def _go_on(self) -> None:
        """Take the next step to a first detector: begin, go on with what was killed, or promote."""
        stream, model = self.settings.stream.name, self._agent.model
        last = last_attempt(self.store, stream, model)
        is_running = last is not None and last.state == "running"
        is_made = is_running or (last is not None and last.state == "passed")
        kept = kept_of(self.store, stream, model, timedelta(seconds=run_seconds(self.settings)))
        needs = self._needs()
        self._lacking = "" if is_made else needs.lacking(kept, last)
        self._note_hindrance(needs, kept)
        if not self._has(f"first detector/{stream}"):
            return
        if last is not None and last.state == "passed":
            self._promote(last)
        elif is_running:
            self._start()
        elif not self._lacking:
            plan = model.plan(self.store.clock())
            self.store.retrainings.begin(
                stream, trigger=TRIGGER, by="agent", basis=self.detector, plan=plan
            )
            self._n_started = 0
            self._start()

    def _note_hindrance(self, needs: FirstFitNeeds, kept: KeptOfModel) -> None:
        """Find out why what is lacking may never come; the log hears of it once."""
        before = self._hindered
        self._hindered = needs.hindered(kept, self.store.clock()) if self._lacking else ""
        if self._hindered and not before:
            log.warning(
                "the first detector of the model that runs now may never be fitted: %s; %s",
                *(self._lacking, self._hindered),
                extra=action("first_detector_hindered"),
            )

    def _needs(self) -> FirstFitNeeds:
        retrain = self.settings.retrain
        return FirstFitNeeds(
            events=retrain.min_events,
            more_events=max(retrain.min_new_events, 1),
            span=self.settings.monitor.learn,
            bounds=keep_bounds(self.settings),
        )

    def _start(self) -> None:
        """Start the process that fits, unless one works, or is about to take the lease."""
        is_starting = self._pid is not None and is_alive(self._pid)
        if is_starting or not is_free(self.store, self.settings.stream.name, self._name):
            return
        self._pid = start_apart(["--trigger", TRIGGER], self.settings.detector.path)
        self._n_started += 1
        log.info(
            "the first detector of the model that runs now is fitted from its kept taps: process %s",
            self._pid,
            extra=action("first_detector_begun", pid=self._pid),
        )

    def _promote(self, record: RetrainingRecord) -> None:
        stream, name = record.stream, record.candidate or ""
        found = self.store.versions.get(stream, name)
        if found is None or found.status != "candidate":
            self._lacking = (
                f"detector {name} was fitted for it and is not active any more; driftgauge detectors "
                f"promote {name}, or driftgauge fit"
            )
            return
        note = "first detector of the model that runs now; it passed its gate"
        try:
            self.store.versions.promote(stream, name, by=f"retraining {record.id}", note=note)
        except RecordConflict as conflict:  # a person was faster
            log.info("%s", conflict, extra=action("first_detector_elsewhere"))
            return
        log.info(
            "detector %s is the first of the model that runs now, and scores from now on",
            name,
            extra=action("first_detector_promoted", detector=name),
        )

    def _heartbeat(self) -> HeartbeatRecord:
        """Say besides how many events passed unscored, and what the first detector waits for."""
        told, status = super()._heartbeat(), self._agent.loop.status()
        words = (
            f"; {status.n_unscored} events passed unscored, taps of the new model are kept: "
            f"{self._waits(status)}"
        )
        return replace(
            told,
            condition=told.condition + words,
            dead_letters=status.n_dead_letters,
            dead_letter_reason=status.last_dead_letter or None,
        )

    def _waits(self, status: LoopStatus) -> str:
        """Return what the first detector waits for, and what hinders it."""
        if not self._lacking:
            again = f", begun {self._n_started} times: see {LOG} in {self.settings.detector.path}"
            return "its first detector is being fitted" + again * (self._n_started > 1)
        lost = (
            f"{status.n_keep_lost} more could not be written to keep.path = {self.settings.keep.path!r} (see "
            "taps_not_kept in the log)"
        ) * (status.n_keep_lost > 0)
        return "; ".join(filter(None, (self._lacking, self._hindered, lost)))
