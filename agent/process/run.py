"""One run of the agent: from settings to a clean leave."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict

from driftgauge.storage import Store

from ..clock import SystemClock
from ..jobs.schedule import Job, Schedule
from ..log import action
from ..loop.loop_settings import Totals
from ..settings.load import Settings
from ..telemetry import Metrics, agent_pages, serving
from ..wiring.agent import Agent, build_agent
from ..wiring.database import build_database
from .signals import stopping_on_signals
from .watchdog import Watchdog

log = logging.getLogger(__name__)


def run_agent(settings: Settings, *, stop: threading.Event | None = None) -> Totals:
    """Run until *stop* is set, or until SIGTERM or SIGINT; then drain, flush and leave.

    Raises:
        AgentError, DetectorError, StorageError: what ended the agent, with what to do.
    """
    stop = stop or threading.Event()
    failures: list[Exception] = []

    def fail(error: Exception) -> None:
        failures.append(error)
        stop.set()

    database = build_database(settings)
    try:
        store, metrics = Store(database), Metrics(alpha=settings.stream.alpha)
        agent = build_agent(settings, store, stop=stop, meter=metrics)
        _tell_start(agent)
        pages = agent_pages(agent.loop.condition, SystemClock(), metrics, agent.about)
        jobs = [*agent.jobs, alert_count(store, settings, metrics)]
        with (
            stopping_on_signals(stop),
            serving(settings.http, pages),
            Schedule(jobs, on_failure=fail),
            Watchdog(lambda: agent.loop.turned_at, SystemClock()),
        ):
            totals = agent.loop.run()
        _tell_end(agent, totals)
    finally:
        database.close()
    if failures:
        raise failures[0]
    return totals


def alert_count(store: Store, settings: Settings, metrics: Metrics) -> Job:
    """Return the job that tells *metrics* how many alerts live, since a scrape asks no database."""

    def count() -> None:
        live = Counter({"open": 0, "acknowledged": 0})
        live.update(alert.state for alert in store.alerts(settings.stream.name, states=list(live)))
        metrics.set_alerts(live)

    return Job("alert count", count, settings.monitor.interval_seconds)


def _tell_start(agent: Agent) -> None:
    log.info(
        "agent started: stream %(stream)s, topic %(topic)s, detector %(detector)s",
        agent.about,
        extra=action("agent_started", **agent.about),
    )


def _tell_end(agent: Agent, totals: Totals) -> None:
    log.info(
        "agent left: %s events counted, %s dead letters, %s flushes",
        *(totals.events, totals.dead_letters, totals.flushes),
        extra=action("agent_left", **asdict(totals)),
    )
    seconds = agent.loop.stage_seconds()
    log.info(
        "where the time went: %s",
        in_percent(seconds),
        extra=action("time_spent", seconds=seconds),
    )


def in_percent(seconds: Mapping[str, float]) -> str:
    """Return each stage's seconds and its share of the loop's busy time.

    ``decode`` runs beside the loop, and ``score.*`` are parts of ``score``; neither adds to the
    whole.

    Example:
        >>> in_percent({"score": 3.0, "flush": 1.0, "idle": 9.0})
        'flush 1.0 s (25 %), score 3.0 s (75 %)'
    """
    beside = {"idle", "decode"}
    busy = sum(v for k, v in seconds.items() if k not in beside and not k.startswith("score."))
    return ", ".join(
        f"{name} {took:.1f} s ({100 * took / busy:.0f} %)"
        for name, took in sorted(seconds.items())
        if name != "idle" and busy
    )
