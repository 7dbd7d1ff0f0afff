"""An agent in a process of its own: everything real but the model.

It is forked from a server that has imported everything, so that a hundred of them start quickly.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from driftgauge.agent.clock import SystemClock
from driftgauge.agent.counting.tap_keeper import KeepSettings
from driftgauge.agent.events.decode import DecodeSettings
from driftgauge.agent.jobs.presence import agent_name
from driftgauge.agent.jobs.schedule import Job, Schedule
from driftgauge.agent.keep.run_choice import RunSettings
from driftgauge.agent.keep.shard_folder import ShardFolder
from driftgauge.agent.loop.loop import AgentLoop
from driftgauge.agent.loop.loop_settings import LoopSettings
from driftgauge.agent.loop.next_detector import NextDetector
from driftgauge.agent.loop.sampling import SamplingSettings
from driftgauge.agent.ports import Scored, ShadowScored
from driftgauge.agent.process.signals import stopping_on_signals
from driftgauge.agent.promote.detector_watch import DetectorWatch, Loop
from driftgauge.agent.promote.shadow_trial import ShadowTrial, TrialSettings
from driftgauge.agent.stream.connection import KafkaConnection
from driftgauge.agent.stream.consumer import ConsumerSettings
from driftgauge.agent.stream.dead_letter import KafkaDeadLetters
from driftgauge.agent.stream.kafka import KafkaSource
from driftgauge.storage import Database, DetectorRecord, Store

from ..agent.scorer import BrightnessScorer

ROOT = Path(__file__).parents[2]
STREAM = "line"
START_SECONDS = 60.0


@dataclass(frozen=True)
class Orders:
    """What one agent is to do.

    Attributes:
        step_file: holds the seconds by which its wall clock is off.
        log_file: its log is added there.
        consumer: how it reads.
        busy_seconds: how long it waits for another writer of an SQLite file.
        sampling: when it scores a part of the records only.
        follows: whether it changes to the database's active detector, and scores with a shadow beside it,
            as ``driftgauge run`` does.
        tries: whether it begins and decides trials.
    """

    connection: KafkaConnection
    topic: str
    url: str
    step_file: Path
    log_file: Path
    consumer: ConsumerSettings
    busy_seconds: float = 10.0
    sampling: SamplingSettings = field(default_factory=SamplingSettings)
    follows: bool = False
    tries: bool = False


class SteppedClock(SystemClock):
    """The machine's clock, with the step that the file holds."""

    def __init__(self, step_file: Path) -> None:
        self._step_file = step_file

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=float(self._step_file.read_text() or 0))


class TapScorer(BrightnessScorer):
    """Gives taps, too: one channel, the brightness; a shadow beside it finds what it finds."""

    def __init__(self, name: str = "brightness-1", shadow: str | None = None) -> None:
        self.detector = name
        self._shadow = shadow

    def score(
        self,
        images: Sequence[NDArray[np.uint8]],
        uniforms: NDArray[np.float64],
        segments: Sequence[Mapping[str, str]] = (),
    ) -> Scored:
        scored = super().score(images, uniforms, segments)
        beside = None
        if self._shadow is not None:
            beside = ShadowScored(self._shadow, self.columns, (), scored.scores, scored.p_values)
        return replace(scored, taps=scored.scores[:, :1].astype(np.float16), shadow=beside)


def kept_folder(beside: Path) -> ShardFolder:
    """Return where the agent whose log is *beside* keeps taps."""
    return ShardFolder(str(beside.with_name("kept")))


def keep_all(folder: ShardFolder, detector: str = "brightness-1") -> KeepSettings:
    """Return settings by which every event's taps are kept."""
    runs = RunSettings(key="k", run_seconds=120, runs_per_day=1000, max_bytes_per_day=2**30)
    return KeepSettings(
        stream=STREAM, detector=detector, origin="o", channels={"level": 1}, runs=runs,
        folder=folder, alpha=0.01,
    )  # fmt: skip


def work(orders: Orders, ready: Connection) -> None:
    """Read the topic into the database until a signal comes; the agent's whole life."""
    log = os.open(orders.log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(process)d %(name)s %(message)s", force=True
    )
    logging.getLogger("kafka").setLevel(logging.WARNING)
    clock = SteppedClock(orders.step_file)
    database = Database(orders.url, busy_seconds=orders.busy_seconds)
    store = Store(database, now=clock.now)
    active = store.active_detector(STREAM) if orders.follows else None
    name = active.detector if active else "brightness-1"
    with stopping_on_signals() as stop:
        loop = AgentLoop(
            source=KafkaSource(
                orders.connection,
                topic=orders.topic,
                group_id=orders.topic,
                settings=orders.consumer,
            ),
            dead_letters=KafkaDeadLetters(orders.connection, topic=f"{orders.topic}.dlq"),
            scorer=TapScorer(name),
            store=store,
            clock=clock,
            settings=LoopSettings(
                stream=STREAM,
                decode=DecodeSettings(segment_headers=("camera",)),
                max_images=8,
                max_delay_seconds=0.05,
                flush_interval_seconds=0.1,
                poll_seconds=0.05,
                lag_interval_seconds=0.2,
                sampling=orders.sampling,
                keep=keep_all(kept_folder(orders.log_file), name),
            ),
            stop=stop,
        )
        ready.send("ready")
        jobs = [*following(orders, store, loop, name), *trying(orders, store)]
        with Schedule(jobs, on_failure=lambda error: stop.set()):
            loop.run()
    database.close()


def following(orders: Orders, store: Store, loop: AgentLoop, current: str) -> list[Job]:
    """Return the job that changes the loop's detector; none unless it is ordered."""
    if not orders.follows:
        return []

    def prepare(record: DetectorRecord, beside: DetectorRecord | None) -> NextDetector:
        name, shadow = record.detector, beside.detector if beside else None
        return NextDetector(
            TapScorer(name, shadow),
            keep=keep_all(kept_folder(orders.log_file), name),
            shadow=shadow,
        )

    seam = Loop(loop.status, loop.change_detector)
    watch = DetectorWatch(
        store, seam, SystemClock(), stream=STREAM, current=current, prepare=prepare
    )
    return [Job("active detector", watch.look, every_seconds=0.2)]


def trying(orders: Orders, store: Store) -> list[Job]:
    """Return the job that begins and decides trials, under a lease; none unless it is ordered."""
    if not orders.tries:
        return []
    settings = TrialSettings(stream=STREAM, alpha=0.01, seconds_between_false_alarms=30 * 86_400)
    trial, name = ShadowTrial(store, settings), agent_name()

    def turn() -> None:
        if store.acquire_lease(f"detector trial/{STREAM}", name, ttl_seconds=1):
            trial.turn()

    return [Job("detector trial", turn, every_seconds=0.05)]


class AgentProcess:
    """One agent that can be stopped, frozen and killed."""

    def __init__(self, orders: Orders) -> None:
        here, there = _FORKS.Pipe(duplex=False)
        with _one_thread():
            self._process = _FORKS.Process(target=work, args=(orders, there))
            self._process.start()
        there.close()
        with here:
            if not here.poll(START_SECONDS) or here.recv() != "ready":
                raise RuntimeError(f"the agent did not start:\n{orders.log_file.read_text()}")

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.is_alive()

    def send_signal(self, number: signal.Signals) -> None:
        if self.is_alive:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it as a power cut would, and wait for that."""
        self._process.kill()
        self._process.join(60)

    def terminate(self, seconds: float = 60) -> int | None:
        """Ask it to leave; return its exit code, None when it has not left in time."""
        self._process.terminate()
        self._process.join(seconds)
        return self._process.exitcode


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let the server, which starts with the first agent, import torch for one thread."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before


if str(ROOT) not in sys.path:  # the server imports this module by its name
    sys.path.append(str(ROOT))
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([__name__])
