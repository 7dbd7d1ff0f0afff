"""A model that no detector was fitted for gets its first one from its own kept taps, while the stream is read on."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from driftgauge.agent.demo.broker import EmbeddedBroker
from driftgauge.agent.demo.produce import FrameProducer
from driftgauge.storage import STALE, Database, Store

COMMAND = (sys.executable, "-m", "driftgauge.agent.command")
STREAM, TOPIC = "line", "new-model"
START = datetime(2025, 3, 1, 12, tzinfo=UTC)
"""Long ago: somebody replays an archive, or the cameras' clocks are wrong."""

N_REFERENCE, N_KEPT, N_SCORED = 240, 384, 32
"""Frames of each camera; those that are kept are 24 runs of one window."""

MODEL = """
import torch
from torch import nn
from torchvision.transforms import v2

def build(seed):
    torch.manual_seed(seed)
    first = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU())
    last = nn.Sequential(nn.Conv2d(8, 16, 3, stride=2), nn.ReLU())
    model = nn.Sequential()
    model.add_module("first", first)
    model.add_module("last", last)
    return model.eval(), v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])

def old():
    return build(0)

def new():
    return build(1)
"""

SETTINGS = """
[stream]
name = "line"
topic = "new-model"
segments = ["camera"]
[kafka]
bootstrap_servers = ["{broker}"]
session_timeout_seconds = 2.5
heartbeat_interval_seconds = 0.3
partition_assignment = "range"
auto_offset_reset = "earliest"
[model]
factory = "own_model:{model}"
[detector]
layers = ["first", "last"]
method = "mahalanobis"
pixels = false
[keep]
windows_per_run = 1
runs_per_day = 1000
[retrain]
fit_on_new_model = true
min_events = 500
[windows]
seconds = 16
[flush]
interval_seconds = 0.5
[monitor]
learn = "5 minutes"
[store]
url = "sqlite:///{folder}/driftgauge.db"
[http]
port = 0
"""


@pytest.fixture
def folder(broker: EmbeddedBroker, tmp_path: Path) -> Path:
    """Give a folder whose detector was fitted for the old model, and whose settings name the new one."""
    broker.create_topic(TOPIC)
    (tmp_path / "own_model.py").write_text(MODEL)
    for name in ("old", "new"):
        text = SETTINGS.format(broker=broker.address, model=name, folder=tmp_path)
        (tmp_path / f"{name}.toml").write_text(text)
    for camera in range(2):
        (tmp_path / "images" / str(camera)).mkdir(parents=True)
        for index in range(N_REFERENCE):
            path = tmp_path / "images" / str(camera) / f"{index:05d}.jpg"
            path.write_bytes(picture(camera, index))
    driftgauge(tmp_path, "fit", "--images", "images", "--probes", "0", "--config", "old.toml")
    return tmp_path


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    with closing(Database(f"sqlite:///{folder}/driftgauge.db")) as database:
        yield Store(database)


def picture(camera: int, index: int) -> bytes:
    """Return a frame of 40 pixels: noise of the camera's own colour and size."""
    rng = np.random.default_rng([camera, index])
    coarse = rng.integers(40, 120, (5, 5, 3)) + 60 * camera
    noise = rng.integers(0, 20, (40, 40, 3))
    pixels = np.kron(coarse, np.ones((8, 8, 1), np.int64)) + noise
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(folder)}


def driftgauge(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [*COMMAND, *arguments], cwd=folder, capture_output=True, text=True, timeout=600,
        check=False, env=environment(folder),
    )  # fmt: skip
    assert done.returncode in (0, 4), done.stderr  # status has 4 for one that waits
    return done.stdout


class Agent:
    """An agent in a process of its own, whose model no detector was fitted for."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "agent.log"
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [*COMMAND, "run", "--config", "new.toml"], cwd=folder, stdout=log, stderr=log,
                env=environment(folder),
            )  # fmt: skip

    @property
    def words(self) -> str:
        return self._log.read_text()

    def until(self, holds: Callable[[], bool], seconds: float = 600) -> None:
        """Wait until something holds while it runs."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert self.process.poll() is None, self.words
            assert time.monotonic() < deadline, self.words
            time.sleep(0.1)

    def leave(self) -> None:
        """Ask it to leave."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=60) == 0, self.words

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()


@contextmanager
def running(folder: Path) -> Iterator[Agent]:
    agent = Agent(folder)
    try:
        yield agent
    finally:
        agent.kill()


def send(broker: EmbeddedBroker, indexes: range) -> None:
    with FrameProducer(broker.connection(), TOPIC) as producer:
        for index in indexes:
            for camera in range(2):
                producer.send(
                    picture(camera, N_REFERENCE + index),
                    headers={"camera": str(camera)},
                    event_id=f"{camera}/{index}",
                    event_time=START + timedelta(seconds=index),
                )


@pytest.mark.kafka
@pytest.mark.timeout(1500)
def test_its_taps_are_kept_and_its_first_detector_scores_and_ends_the_alert(
    folder: Path, store: Store, broker: EmbeddedBroker
) -> None:
    old = active(store)
    with running(folder) as agent:
        agent.until(lambda: bool(store.alerts(STREAM)))
        (raised,) = store.alerts(STREAM)
        assert (raised.test, raised.severity) == (STALE, "critical")
        assert "fitted for a different configuration: weights" in raised.message
        assert "its first detector is fitted from them by itself" in raised.message
        send(broker, range(64))
        agent.until(lambda: said(store).endswith("128 events are kept of it, 500 wanted"))
        assert said(store).startswith("not scoring: ")
        assert "128 events passed unscored" in said(store)
        told = json.loads(driftgauge(folder, "status", "--json", "--config", "new.toml"))
        assert told["answer"] == "held up"
        assert store.event_counts(STREAM) == {}  # nothing is scored
        agent.leave()  # what it kept is kept once, and the next one goes on
    with running(folder) as agent:
        send(broker, range(64, N_KEPT))
        agent.until(lambda: active(store) != old)
        (record,) = store.retrainings.all(STREAM)
        assert (record.state, record.trigger, record.basis) == ("passed", "new model", old)
        assert record.candidate == active(store)
        assert record.figures["learnt_events"] <= 2 * N_KEPT
        agent.until(lambda: store.alerts(STREAM)[0].state == "resolved")
        words = store.alerts(STREAM)[0].message
        assert f"detector {record.candidate} fits the model that runs" in words
        send(broker, range(N_KEPT, N_KEPT + N_SCORED))
        agent.until(lambda: counted(store) >= 2 * N_SCORED)
        agent.leave()
        assert "Traceback" not in agent.words
    verdicts = {(one.name, one.segment): one.verdict for one in store.retrainings.checks(record.id)}
    assert verdicts["false alarms", "*"] == "passed"
    for name in ("probes", "agreement", "anchor"):
        assert verdicts[name, None] == "not checked"
    assert counted(store) == 2 * N_SCORED
    rows = store.rates(STREAM, period="window", segment="*")
    assert {row.detector for row in rows} == {record.candidate}
    assert (folder / "detector" / str(record.candidate) / "anchor.safetensors").exists()
    assert kept(store) == 2 * (N_KEPT + N_SCORED)  # each once, those of the agent that left too


def counted(store: Store) -> int:
    return store.event_counts(STREAM).get("*", 0)


def kept(store: Store) -> int:
    return sum(shard.events for shard in store.kept.shards(STREAM))


def said(store: Store) -> str:
    agents = store.agents(STREAM)
    return agents[0].condition if agents else ""


def active(store: Store) -> str:
    found = store.active_detector(STREAM)
    return found.detector if found else ""
