"""One run of the agent: from settings to a clean leave."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping

from driftgauge.storage import Store

from .build import build_agent, build_database
from .clock import SystemClock
from .loop_settings import Totals
from .schedule import Schedule
from .settings import Settings
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
        agent = build_agent(settings, Store(database), stop=stop)
        watchdog = Watchdog(lambda: agent.loop.turned_at, SystemClock())
        log.info(
            "agent started: stream %s, topic %s, detector %s",
            *(settings.stream.name, settings.stream.topic, agent.detector),
        )
        with stopping_on_signals(stop), Schedule(agent.jobs, on_failure=fail):
            watchdog.start()
            try:
                totals = agent.loop.run()
            finally:
                watchdog.stop()
        log.info(
            "agent left: %s events counted, %s dead letters, %s flushes",
            *(totals.events, totals.dead_letters, totals.flushes),
        )
        log.info("where the time went: %s", in_percent(agent.loop.stage_seconds()))
    finally:
        database.close()
    if failures:
        raise failures[0]
    return totals


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
