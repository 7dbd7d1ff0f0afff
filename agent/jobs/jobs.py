"""The jobs that one agent at a time does beside the loop: judging windows, pruning evidence."""

from __future__ import annotations

import logging
from datetime import timedelta

from driftgauge.detector import Detector
from driftgauge.storage import RecordConflict, Store

from ..clock import SystemClock
from ..drift.monitor import Monitor
from ..drift.tests.catalogue import choose_tests
from ..drift.turn import MonitorSettings
from ..log import action
from ..notify.delivery import Delivery
from ..notify.heartbeat import INTERVAL_SECONDS as HEARTBEAT_SECONDS
from ..notify.heartbeat import Heartbeat
from ..settings.load import Settings
from .schedule import Job

PRUNE_SECONDS = 3600.0
LEASE_TURNS = 3
DELIVERY_SECONDS = 2.0
DELIVERY_LEASE_SECONDS = 120.0

log = logging.getLogger(__name__)


def build_monitor(settings: Settings, store: Store, detector: Detector, name: str) -> Monitor:
    """Return the monitor of the stream's windows."""
    return Monitor(
        store,
        detector=name,
        columns=detector.columns,
        reference=detector.reference,
        settings=monitor_settings(settings),
        clock=SystemClock(),
    )


def monitor_settings(settings: Settings) -> MonitorSettings:
    """Return how windows are judged."""
    monitor, seconds = settings.monitor, settings.windows.seconds
    return MonitorSettings(
        stream=settings.stream.name,
        window_seconds=seconds,
        alpha=settings.stream.alpha,
        windows_between_false_alarms=monitor.false_alarms.seconds_between / seconds,
        idle_seconds=monitor.idle_seconds,
        grace_seconds=monitor.grace_seconds,
        recovery_windows=monitor.recovery_windows,
        learn=monitor.learn,
        tests=choose_tests(monitor.tests),
    )


def build_jobs(
    settings: Settings,
    store: Store,
    monitor: Monitor,
    delivery: Delivery,
    heartbeat: Heartbeat | None,
    *,
    holder: str,
) -> list[Job]:
    """Return the jobs that one agent at a time does, by a lease in the database.

    Args:
        holder: the agent's name, which no other process has.
        heartbeat: told of each turn of the monitor that succeeded; None where nobody listens.
    """
    stream, clock = settings.stream.name, SystemClock()
    interval = settings.monitor.interval_seconds

    def judge() -> None:
        lease = f"monitor/{stream}"
        ttl = max(LEASE_TURNS * interval, 30.0)
        if store.acquire_lease(lease, holder, ttl_seconds=ttl):
            try:
                monitor.turn()
                if heartbeat is not None:
                    heartbeat.note_judged()
            except RecordConflict as conflict:  # its holder's lease ran out while it worked
                log.warning(
                    "another agent judged these windows, going on from there: %s",
                    conflict,
                    extra=action("windows_judged_elsewhere"),
                )

    def deliver() -> None:
        if store.acquire_lease(f"notify/{stream}", holder, ttl_seconds=DELIVERY_LEASE_SECONDS):
            delivery.turn()

    def prune() -> None:
        keep = timedelta(days=settings.evidence.keep_days)
        limit = settings.evidence.max_bytes
        store.prune_evidence(stream, before=clock.now() - keep, max_bytes=limit)

    beats = [] if heartbeat is None else [Job("heartbeat", heartbeat.beat, HEARTBEAT_SECONDS)]
    deliveries = [Job("alert delivery", deliver, DELIVERY_SECONDS)] if delivery.has_sinks else []
    return [
        *deliveries,
        *beats,
        # After a time down all partitions look idle; the first flush, if any, comes before this.
        Job("monitor", judge, interval, first_after_seconds=settings.monitor.idle_seconds),
        Job("evidence pruning", prune, PRUNE_SECONDS, first_after_seconds=PRUNE_SECONDS / 60),
    ]
