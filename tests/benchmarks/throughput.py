"""Images scored a second while a retraining runs, over without: one agent, saturated, and `driftgauge retrain`.

The agent is a process of ``driftgauge run`` on a broker that holds more pictures than it can score; the
retraining is a process with its default priority and threads, which is stopped and continued (SIGSTOP, SIGCONT) by
turns of some seconds. In one form both may use every core, in the other each is pinned to a core of its own.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from driftgauge.agent.counting.tap_keeper import KeepSettings, TapKeeper
from driftgauge.agent.demo.agent_process import AgentProcess
from driftgauge.agent.demo.broker import EmbeddedBroker
from driftgauge.agent.demo.frames import frame
from driftgauge.agent.demo.produce import FrameProducer
from driftgauge.agent.demo.scenes import photograph_cameras
from driftgauge.agent.drift.baseline import learn_baselines
from driftgauge.agent.events.event import NO_IMAGE, Event
from driftgauge.agent.fit.registration import detector_record, normal_rates
from driftgauge.agent.keep.origin import tap_origin
from driftgauge.agent.keep.run_choice import RunSettings
from driftgauge.agent.keep.shard import as_float16
from driftgauge.agent.ports import Scored
from driftgauge.agent.settings.load import Settings, load_settings
from driftgauge.agent.wiring.database import build_database
from driftgauge.agent.wiring.keep import build_folder, run_seconds
from driftgauge.detector import Detector, ModelIdentity, save_detector
from driftgauge.storage import FlushRecord, Store

from ..ports import free_port
from .short_fit import ShortFit
from .table import Figure

STREAM, TOPIC = "line", "frames"
N_KEPT = 20_000
FIRST_SENT, N_SENT = 320, 12_000
N_DIFFERENT = 200
SECONDS, TURNS = 15.0, 3
LEAST_SHARED, LEAST_APART = 0.8, 0.95
SETTINGS = """
[stream]
name = "line"
topic = "frames"
segments = ["camera"]
[kafka]
bootstrap_servers = ["{broker}"]
auto_offset_reset = "earliest"
[model]
factory = "driftgauge.agent.demo.lite0:build_lite0"
image_size = {size}
[detector]
path = "{folder}/detector"
[keep]
path = "{folder}/kept"
runs_per_day = 200
[retrain]
min_new_events = 0
[store]
url = "sqlite:///{folder}/driftgauge.db"
[http]
port = {port}
"""


def throughput_part(sizes: Sequence[int]) -> tuple[list[dict[str, object]], list[Figure]]:
    """Return a row a turn, and the ratio of each size and form."""
    rows: list[dict[str, object]] = []
    figures = []
    for size in sizes:
        for apart, least in ((False, LEAST_SHARED), (True, LEAST_APART)):
            with tempfile.TemporaryDirectory() as folder:
                turns = _measured(Path(folder), size, apart=apart)
            form = "each on a core of its own" if apart else "both on all cores"
            rows += [
                {"pixels": size, "form": form, "without, images/s": round(a, 1), "with": round(b, 1)}
                for a, b in turns
            ]  # fmt: skip
            ratio = statistics.median(b / a for a, b in turns)
            figures.append(Figure(f"{size} px, {form}: with a retraining over without", round(ratio, 3), "", f"at least {least:g}", ratio >= least))  # fmt: skip
    return rows, figures


def _measured(folder: Path, size: int, *, apart: bool) -> list[tuple[float, float]]:
    """Return the rate without and with a retraining, turn about."""
    port = free_port()
    with EmbeddedBroker(folder / "broker") as broker, ExitStack() as stack:
        broker.create_topic(TOPIC, 1)
        path = folder / "driftgauge.toml"
        path.write_text(SETTINGS.format(broker=broker.address, folder=folder, size=size, port=port))
        settings = load_settings(path)
        database = build_database(settings)
        stack.callback(database.close)
        store = Store(database)
        store.ensure_stream(STREAM, TOPIC, settings.windows.seconds)
        _prepare(settings, store)
        _send(broker, FIRST_SENT)
        with _on_core(0 if apart else None):
            agent = stack.enter_context(
                AgentProcess(["run", "--config", str(path)], folder / "agent.log")
            )
        counter = Counter(port)
        counter.wait(agent)
        with _on_core(1 if apart else None):
            retraining = stack.enter_context(Retraining(path, store))
        retraining.pause()
        _send(broker, N_SENT)
        return [_turn(counter, retraining) for _ in range(TURNS)]


def _turn(counter: Counter, retraining: Retraining) -> tuple[float, float]:
    retraining.pause()
    without = counter.rate(SECONDS)
    retraining.go_on()
    return without, counter.rate(SECONDS)


def _prepare(settings: Settings, store: Store) -> None:
    """Register a detector, and keep enough taps to retrain from, of three days ago."""
    short = ShortFit.read(settings)
    detector, identity = short.fit(), short.loaded.identity
    baselines = learn_baselines(detector.reference)
    notes = {"normal_rates": normal_rates(baselines, settings.stream.alpha)}
    name = save_detector(detector, settings.detector.path, identity, notes)
    store.register_detector(
        detector_record(STREAM, name, settings.detector.path / name, baselines, status="active")
    )
    joined = torch.cat([short.taps[one] for one in detector.channels], dim=1).numpy()
    _keep(*(settings, store), name=name, detector=detector, identity=identity, taps=joined)


def _keep(
    settings: Settings,
    store: Store,
    *,
    name: str,
    detector: Detector,
    identity: ModelIdentity,
    taps: NDArray[np.float32],
) -> None:
    keeper = TapKeeper(
        KeepSettings(
            stream=STREAM, detector=name, origin=tap_origin(identity, detector.channels),
            channels=detector.channels, folder=build_folder(settings), alpha=settings.stream.alpha,
            runs=RunSettings(
                key="bench", run_seconds=run_seconds(settings), runs_per_day=1000, max_bytes_per_day=2**40
            ),
        )
    )  # fmt: skip
    rng, begin = np.random.default_rng(0), datetime.now(UTC) - timedelta(days=3)
    deviations = taps.std(axis=0)
    for first in range(0, N_KEPT, 500):
        rows = taps[rng.integers(len(taps), size=500)]
        rows = rows + 0.3 * deviations * rng.normal(size=rows.shape).astype(np.float32)
        events = [
            Event(TOPIC, 1, first + n, "e", begin + (first + n) * timedelta(seconds=1), {}, NO_IMAGE)
            for n in range(500)
        ]  # fmt: skip
        p = np.clip(rng.random((500, len(detector.columns))), 0.02, 1)
        keeper.offer(events, [["*"]] * 500, Scored(p, p, taps=as_float16(rows)))
    shards, runs = keeper.write()
    store.flush(FlushRecord(STREAM, name, [], kept_shards=shards, kept_runs=runs))


def _send(broker: EmbeddedBroker, n: int) -> None:
    cameras = photograph_cameras()[:2]
    pictures = [(cameras[n % 2], frame(cameras[n % 2], n, seed=2)) for n in range(N_DIFFERENT)]
    with FrameProducer(broker.connection(), TOPIC) as producer:
        for number in range(n):
            camera, picture = pictures[number % N_DIFFERENT]
            producer.send(
                picture, headers={"camera": camera.name}, partition=0, event_time=datetime.now(UTC)
            )
        producer.flush()


class Counter:
    """Reads how many images the agent has scored."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/metrics"

    def wait(self, agent: AgentProcess, seconds: float = 300) -> None:
        """Return once the agent scores at a steady pace."""
        deadline = time.monotonic() + seconds
        while self._scored() < FIRST_SENT / 2:
            agent.check()
            if time.monotonic() > deadline:
                raise TimeoutError(agent.last_words())
            time.sleep(0.5)

    def rate(self, seconds: float) -> float:
        """Return images a second from now on."""
        time.sleep(1.0)  # what was in hand
        begin, before = time.monotonic(), self._scored()
        time.sleep(seconds)
        after, end = self._scored(), time.monotonic()
        if after >= FIRST_SENT + N_SENT:
            raise RuntimeError(f"all {N_SENT} pictures were scored: send more")
        return (after - before) / (end - begin)

    def _scored(self) -> float:
        try:
            with urllib.request.urlopen(self._url, timeout=5) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return 0.0
        name = "driftgauge_events_scored_total"
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


class Retraining:
    """``driftgauge retrain --wait``, which trains the denoiser when it is not paused."""

    def __init__(self, config: Path, store: Store) -> None:
        self._config = config
        self._store = store

    def __enter__(self) -> Retraining:
        command = [sys.executable, "-m", "driftgauge.agent.command", "retrain", "--wait", "--now"]
        self._process = subprocess.Popen(
            [*command, "--config", str(self._config)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            self._wait_for_training()
        except RuntimeError:
            self._process.kill()
            raise
        return self

    def _wait_for_training(self) -> None:
        deadline = time.monotonic() + 300
        while not self._is_training():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(
                    f"the retraining did not begin: {self._store.retrainings.all(STREAM)}"
                )
            time.sleep(0.5)

    def _is_training(self) -> bool:
        return any(
            one.state == "running" and one.step == "training the denoiser"
            for one in self._store.retrainings.all(STREAM)
        )

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        if self._process.poll() is not None:
            raise RuntimeError("the retraining has ended: keep more events")
        self._process.send_signal(signal.SIGCONT)

    def __exit__(self, *_: object) -> None:
        has_ended = self._process.poll() is not None
        self._process.kill()
        self._process.wait()
        if has_ended:
            raise RuntimeError("the retraining ended while it was measured: keep more events")


@contextmanager
def _on_core(core: int | None) -> Iterator[None]:
    """Let processes that are started within the block run on one core."""
    before = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {sorted(before)[core]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
