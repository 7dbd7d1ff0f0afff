"""The table of scheduled jobs: one row per job, with its interval and its function."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from driftgauge.storage import SILENCE, RecordConflict, Store

from ..drift.monitor import Monitor
from ..drift.power_meter import PowerMeter
from ..drift.silence_watch import CELL_SECONDS, SilenceWatch
from ..keep.upkeep import KeptUpkeep
from ..log import action
from ..notify.delivery import Delivery
from ..notify.heartbeat import INTERVAL_SECONDS as HEARTBEAT_SECONDS
from ..notify.heartbeat import Heartbeat
from ..ports import Clock
from ..promote.detector_watch import INTERVAL_SECONDS as WATCH_SECONDS
from ..promote.detector_watch import DetectorWatch
from ..promote.monitors import Monitors
from ..promote.shadow_trial import ShadowTrial
from ..settings.load import Settings
from ..telemetry import Metrics
from .due_retraining import LOOK_SECONDS, is_planned, start_due_retraining
from .history import LEASE_SECONDS, RETENTION_SECONDS, ROLL_UP_SECONDS, retain, roll_up
from .lease_hold import LeaseHold
from .presence import INTERVAL_SECONDS as PRESENCE_SECONDS
from .presence import Presence
from .schedule import Job
from .sent_taps_watch import INTERVAL_SECONDS as SENT_TAPS_SECONDS
from .sent_taps_watch import SentTapsWatch

PRUNE_SECONDS = 3600.0
DELIVERY_SECONDS = 2.0
KEPT_SECONDS = 600.0
DELIVERY_LEASE_SECONDS = 120.0
POWER_SECONDS = 20.0
POWER_LEASE_SECONDS = 120.0
TRIAL_SECONDS = 10.0
LEASE_TURNS = 3
SHORTEST_LEASE_SECONDS = 30.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTools:
    """What jobs work with.

    Attributes:
        agent: its name, which no other process has; it holds the leases.
        heartbeat: called after each successful run of the monitor; None if it is not configured.
        kept_upkeep: of the taps that are kept; None where none are.
    """

    agent: str
    settings: Settings
    store: Store
    clock: Clock
    metrics: Metrics
    monitors: Monitors
    watch: DetectorWatch
    trial: ShadowTrial
    silence: SilenceWatch
    power: Callable[[str], PowerMeter]
    delivery: Delivery
    presence: Presence
    sent_taps: SentTapsWatch
    heartbeat: Heartbeat | None = None
    kept_upkeep: KeptUpkeep | None = None

    @property
    def stream(self) -> str:
        """The stream's name."""
        return self.settings.stream.name


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """One job of every agent.

    Attributes:
        name: for the log, and of its lease.
        work: what to do; `schedule.Job` says what its errors mean.
        every_seconds: between two starts.
        first_after_seconds: before the first.
        lease_seconds: for a job that one agent of the stream does at a time: how long it stays that
            agent's after a start, should the agent die. None for one that each agent does.
        is_for_all_streams: whether one agent does it for all streams of the database.
        is_wanted: whether there is anything to do in this agent.
    """

    name: str
    work: Callable[[JobTools], object]
    every_seconds: Callable[[Settings], float]
    first_after_seconds: Callable[[Settings], float] = lambda settings: 0.0
    lease_seconds: Callable[[Settings], float] | None = None
    is_for_all_streams: bool = False
    is_wanted: Callable[[JobTools], bool] = lambda tools: True


def judge(tools: JobTools) -> None:
    """Judge the windows that have closed, and raise and resolve alerts.

    One agent at a time judges those of each detector.
    """
    for monitor in tools.monitors.due(tools.watch.current):
        if _may_judge(tools, monitor.detector):
            _judge_one(tools, monitor)


def _judge_one(tools: JobTools, monitor: Monitor) -> None:
    """Let a monitor take its turn.

    The lease is renewed while it works: between the slices of a backlog, and whenever it has read more of
    a segment. Who has lost it leaves the rest to its holder.
    """
    hold = LeaseHold(
        lambda: _may_judge(tools, monitor.detector),
        tools.clock,
        ttl_seconds=_monitor_lease_seconds(tools.settings),
    )
    try:
        monitor.turn(hold.is_ours)
    except RecordConflict as conflict:  # the lease ran out while its holder worked
        log.warning(
            "another agent has judged these windows; continuing from there: %s",
            conflict,
            extra=action("windows_judged_elsewhere"),
        )
        return
    if tools.heartbeat is not None:
        tools.heartbeat.note_judged()


def _may_judge(tools: JobTools, detector: str) -> bool:
    return tools.store.acquire_lease(
        f"monitor/{tools.stream}/{detector}",
        tools.agent,
        ttl_seconds=_monitor_lease_seconds(tools.settings),
    )


def _monitor_lease_seconds(settings: Settings) -> float:
    return max(LEASE_TURNS * settings.monitor.interval_seconds, SHORTEST_LEASE_SECONDS)


def look_for_silence(tools: JobTools) -> None:
    """Tell segments that have fallen silent, and end the alerts of those that are gone."""
    tools.silence.use(tools.watch.current)
    try:
        tools.silence.look()
    except RecordConflict as conflict:
        log.warning(
            "another agent has looked for silent segments; continuing from there: %s",
            conflict,
            extra=action("silence_looked_elsewhere"),
        )


def beat(tools: JobTools) -> None:
    """Tell the address of the dead man's switch that windows are judged."""
    if tools.heartbeat is not None:
        tools.heartbeat.beat()


def follow_detector(tools: JobTools) -> None:
    """Change to another active detector, and tell the metrics whether this agent scores with it."""
    tools.watch.look()
    tools.metrics.set_detector_problem(tools.watch.problem)


def prune(tools: JobTools) -> None:
    """Delete events that were kept too long ago or are too many."""
    evidence = tools.settings.evidence
    before = tools.store.clock() - timedelta(days=evidence.keep_days)
    tools.store.upkeep.prune_evidence(tools.stream, before=before, max_bytes=evidence.max_bytes)


def tend_kept_taps(tools: JobTools) -> None:
    """Keep the kept taps within their bounds, a file a run."""
    if tools.kept_upkeep is not None:
        tools.kept_upkeep.turn(tools.store.clock())


def read_figures(tools: JobTools) -> None:
    """Tell the metrics how many alerts live and how far judging lags, since a scrape asks no database."""
    live = Counter({"open": 0, "acknowledged": 0})
    alerts = tools.store.alerts(tools.stream, states=list(live))
    live.update(alert.state for alert in alerts)
    tools.metrics.set_alerts(live)
    tools.metrics.set_silent(sum(alert.test == SILENCE and not alert.events for alert in alerts))
    tools.metrics.set_notifications(tools.delivery.backlog())
    waited = tools.store.waiting_seconds(tools.stream, tools.watch.current)
    tools.metrics.set_judging_lag(waited or 0.0)


JOBS = (
    JobRow(
        name="presence",
        work=lambda tools: tools.presence.tell(),
        every_seconds=lambda settings: PRESENCE_SECONDS,
    ),
    JobRow(
        name="monitor",
        work=judge,
        every_seconds=lambda settings: settings.monitor.interval_seconds,
        # After a time down all segments look idle; the first flush, if any, comes before this.
        first_after_seconds=lambda settings: settings.monitor.idle_seconds,
    ),
    JobRow(
        name="silence",
        work=look_for_silence,
        every_seconds=lambda settings: CELL_SECONDS,
        lease_seconds=lambda settings: LEASE_TURNS * CELL_SECONDS,
    ),
    JobRow(
        name="sent taps",
        work=lambda tools: tools.sent_taps.look(),
        every_seconds=lambda settings: SENT_TAPS_SECONDS,
    ),
    JobRow(
        name="power of the tests",
        work=lambda tools: tools.power(tools.watch.current).turn(),
        every_seconds=lambda settings: POWER_SECONDS,
        lease_seconds=lambda settings: POWER_LEASE_SECONDS,
    ),
    JobRow(
        name="alert delivery",
        work=lambda tools: tools.delivery.turn(),
        every_seconds=lambda settings: DELIVERY_SECONDS,
        lease_seconds=lambda settings: DELIVERY_LEASE_SECONDS,
        is_wanted=lambda tools: tools.delivery.has_sinks,
    ),
    JobRow(
        name="heartbeat",
        work=beat,
        every_seconds=lambda settings: HEARTBEAT_SECONDS,
        is_wanted=lambda tools: tools.heartbeat is not None,
    ),
    JobRow(
        name="figures of the database",
        work=read_figures,
        every_seconds=lambda settings: settings.monitor.interval_seconds,
    ),
    JobRow(
        name="roll-up",
        work=roll_up,
        every_seconds=lambda settings: ROLL_UP_SECONDS,
        lease_seconds=lambda settings: LEASE_SECONDS,
        is_for_all_streams=True,
    ),
    JobRow(
        name="retention",
        work=retain,
        every_seconds=lambda settings: RETENTION_SECONDS,
        first_after_seconds=lambda settings: RETENTION_SECONDS / 60,
        lease_seconds=lambda settings: LEASE_SECONDS,
        is_for_all_streams=True,
    ),
    JobRow(
        name="active detector",
        work=follow_detector,
        every_seconds=lambda settings: WATCH_SECONDS,
    ),
    JobRow(
        name="detector trial",
        work=lambda tools: tools.trial.turn(),
        every_seconds=lambda settings: TRIAL_SECONDS,
        lease_seconds=lambda settings: LEASE_TURNS * TRIAL_SECONDS,
    ),
    JobRow(
        name="evidence pruning",
        work=prune,
        every_seconds=lambda settings: PRUNE_SECONDS,
        first_after_seconds=lambda settings: PRUNE_SECONDS / 60,
    ),
    JobRow(
        name="kept taps",
        work=tend_kept_taps,
        every_seconds=lambda settings: KEPT_SECONDS,
        first_after_seconds=lambda settings: KEPT_SECONDS / 10,
        lease_seconds=lambda settings: LEASE_TURNS * KEPT_SECONDS,
        is_wanted=lambda tools: tools.kept_upkeep is not None,
    ),
    JobRow(
        name="retraining",
        work=start_due_retraining,
        every_seconds=lambda settings: LOOK_SECONDS,
        first_after_seconds=lambda settings: LOOK_SECONDS,
        lease_seconds=lambda settings: LEASE_TURNS * LOOK_SECONDS,
        is_wanted=lambda tools: is_planned(tools.settings.retrain),
    ),
)


def build_jobs(tools: JobTools, rows: Sequence[JobRow] = JOBS) -> list[Job]:
    """Return the jobs that this agent has, ready for a schedule."""
    return [_job(row, tools) for row in rows if row.is_wanted(tools)]


def _job(row: JobRow, tools: JobTools) -> Job:
    def work() -> None:
        if _is_ours(row, tools):
            row.work(tools)

    settings = tools.settings
    return Job(
        row.name,
        work,
        row.every_seconds(settings),
        first_after_seconds=row.first_after_seconds(settings),
    )


def _is_ours(row: JobRow, tools: JobTools) -> bool:
    if row.lease_seconds is None:
        return True
    name = row.name if row.is_for_all_streams else f"{row.name}/{tools.stream}"
    return tools.store.acquire_lease(
        name, tools.agent, ttl_seconds=row.lease_seconds(tools.settings)
    )
