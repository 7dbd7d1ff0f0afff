"""One run of the agent: from settings to a clean leave."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial

from driftgauge.storage import Store

from ..clock import SystemClock
from ..jobs.jobs import build_jobs
from ..jobs.schedule import Schedule
from ..log import action
from ..loop.stages import describe_time
from ..loop.status import LoopStatus
from ..settings.load import Settings
from ..telemetry import Metrics, agent_pages, serving
from ..wiring.agent import Agent, build_agent
from ..wiring.database import build_database, build_store
from ..wiring.taps_agent import TapsAgent, build_taps_agent
from .leaving import LeaveDeadline
from .new_model_wait import BuildTaps
from .signals import stopping_on_signals
from .stale import build_when_it_fits
from .watchdog import Watchdog

log = logging.getLogger(__name__)


def run_agent(
    settings: Settings,
    *,
    stop: threading.Event | None = None,
    accept_new_topic: bool = False,
    is_start_told: bool = False,
) -> LoopStatus:
    """Run until *stop* is set, or until SIGTERM or SIGINT; then drain, flush and leave.

    Leaving takes at most `leaving.LEAVE_SECONDS`, whatever hangs.

    Args:
        accept_new_topic: read a topic that was deleted and recreated, from its first message.
        is_start_told: the start of a new stream was given on the command line.

    Raises:
        AgentError, DetectorError, StorageError: what ended the agent, with what to do.
    """
    stop = stop or threading.Event()
    failures: list[Exception] = []

    def fail(error: Exception) -> None:
        failures.append(error)
        stop.set()

    with LeaveDeadline(stop):
        database = build_database(settings)
        try:
            store = build_store(database)
            if is_start_told:
                _tell_known_start(store, settings.stream.name)
            status = _run(
                settings, store, stop=stop, on_failure=fail, accept_new_topic=accept_new_topic
            )
        finally:
            database.close()
    if failures:
        raise failures[0]
    return status


def _run(
    settings: Settings,
    store: Store,
    *,
    stop: threading.Event,
    on_failure: Callable[[Exception], None],
    accept_new_topic: bool,
) -> LoopStatus:
    metrics = Metrics(alpha=settings.stream.alpha)
    build = partial(
        build_agent, settings, store, stop=stop, metrics=metrics, accept_new_topic=accept_new_topic
    )
    agent = build_when_it_fits(
        build,
        settings,
        store,
        stop=stop,
        metrics=metrics,
        build_taps=_taps_builder(settings, store, metrics, accept_new_topic=accept_new_topic),
    )
    if agent is None:
        return LoopStatus(started_at=0.0, turned_at=0.0, flushed_at=0.0)
    _tell_start(agent)
    pages = agent_pages(
        agent.loop.status,
        SystemClock(),
        metrics,
        agent.about,
        problem=lambda: agent.tools.watch.problem or agent.tools.sent_taps.problem,
    )
    with (
        stopping_on_signals(stop),
        serving(settings.http, pages),
        Schedule(build_jobs(agent.tools), on_failure=on_failure),
        Watchdog(lambda: agent.loop.status().turned_at, SystemClock()),
    ):
        try:
            status = agent.loop.run()
        finally:
            stop.set()  # leaving has begun, asked for or not
    agent.tools.delivery.close()
    agent.tools.presence.leave()
    _tell_end(status)
    return status


def _taps_builder(
    settings: Settings, store: Store, metrics: Metrics, *, accept_new_topic: bool
) -> BuildTaps | None:
    """Return what builds an agent that keeps a new model's taps; None where the settings want none."""
    if not settings.retrain.fit_on_new_model:
        return None

    def build(stop: threading.Event) -> TapsAgent:
        return build_taps_agent(
            settings, store, stop=stop, metrics=metrics, accept_new_topic=accept_new_topic
        )

    return build


def _tell_known_start(store: Store, stream: str) -> None:
    if store.partitions(stream):
        log.warning(
            "stream %s was read before and continues from the database's offsets: --from is for a "
            "stream's first start",
            stream,
            extra=action("start_known", stream=stream),
        )


def _tell_start(agent: Agent) -> None:
    log.info(
        "agent started: stream %(stream)s, topic %(topic)s, detector %(detector)s",
        agent.about,
        extra=action("agent_started", **agent.about),
    )


def _tell_end(status: LoopStatus) -> None:
    n_flushes = status.flushes.get("written", 0)
    log.info(
        "agent stopped: %s events counted, %s dead letters, %s flushes",
        *(status.n_counted, status.n_dead_letters, n_flushes),
        extra=action(
            "agent_left",
            events=status.n_counted,
            dead_letters=status.n_dead_letters,
            tombstones=status.n_tombstones,
            flushes=n_flushes,
            stale_flushes=status.flushes.get("stale", 0),
            dropped_events=status.n_dropped,
        ),
    )
    log.info(
        "time per stage: %s",
        describe_time(status),
        extra=action("time_spent", seconds=dict(status.stage_seconds)),
    )
