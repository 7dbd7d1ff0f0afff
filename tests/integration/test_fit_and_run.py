"""The real thing, small: real weights, a real broker, the command line, one SQLite file."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from driftgauge.agent.demo.broker import EmbeddedBroker
from driftgauge.agent.demo.frames import frame
from driftgauge.agent.demo.produce import FrameProducer
from driftgauge.agent.demo.scenes import Camera, photograph_cameras
from driftgauge.detector import PROBES
from driftgauge.storage import STALE, Database, Store

from ..ports import free_port

COMMAND = (sys.executable, "-m", "driftgauge.agent.command")
N_REFERENCE = 160
N_LIVE = 24
STREAM = "line"
START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def driftgauge(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], cwd=cwd, capture_output=True, text=True, timeout=600, check=False
    )


def settings_text(broker: str, topic: str, folder: Path) -> str:
    return f"""
[stream]
name = "{STREAM}"
topic = "{topic}"
segments = ["camera"]
[kafka]
bootstrap_servers = ["{broker}"]
session_timeout_seconds = 2.5
heartbeat_interval_seconds = 0.3
partition_assignment = "range"
auto_offset_reset = "earliest"
[model]
factory = "driftgauge.agent.demo.lite0:build_lite0"
image_size = 64
[windows]
seconds = 16
[flush]
interval_seconds = 0.5
[monitor]
interval_seconds = 1
idle_seconds = 2
grace_seconds = 0
[store]
url = "sqlite:///{folder}/driftgauge.db"
[http]
port = {free_port()}
required = true
"""


def cameras() -> tuple[Camera, ...]:
    return photograph_cameras()[:2]


@pytest.fixture(scope="module")
def fitted(broker: EmbeddedBroker, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Give a folder with settings and a detector fitted from a folder of images."""
    folder = tmp_path_factory.mktemp("fitted")
    topic = "fit-and-run"
    broker.create_topic(topic)
    (folder / "driftgauge.toml").write_text(settings_text(broker.address, topic, folder))
    for camera in cameras():
        (folder / "images" / camera.name).mkdir(parents=True)
        for index in range(N_REFERENCE):
            path = folder / "images" / camera.name / f"{index:05d}.jpg"
            path.write_bytes(frame(camera, index, seed=1))
    (folder / "images" / "broken.jpg").write_bytes(b"no picture")
    done = driftgauge("fit", "--images", "images", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    (folder / "fit.json").write_text(done.stdout)
    (folder / "fit.err").write_text(done.stderr)
    return folder, topic


def test_a_fit_says_what_it_read_what_it_taps_and_what_it_lacks(
    fitted: tuple[Path, str],
) -> None:
    folder, _ = fitted
    told = json.loads((folder / "fit.json").read_text())
    names = {f"camera={camera.name}": N_REFERENCE for camera in cameras()}
    assert told["coverage"]["segments"] == names
    assert told["layers"] == ["pixels", "blocks.1", "blocks.2", "blocks.4", "bn2"]
    assert told["layer_outputs"]["blocks.1"] == "24 channels, 16 x 16"
    assert "the images have no times" in told["warnings"][0]
    assert "the false-alarm budget is not guaranteed there" in told["warnings"][-1]
    assert set(told["normal_rates"]) == {"*"} | set(names)
    assert (folder / "detector" / told["detector"] / "detector.safetensors").exists()
    assert len(told["probes"]["combined"]) == len(PROBES)
    assert told["probes"]["combined"]["noise"] > 70
    assert told["recommendation"][0] in told["probes"]
    printed = (folder / "fit.err").read_text()
    assert "skipping images/broken.jpg" in printed
    assert "Learning to name faults" in printed


def test_the_agent_counts_every_event_leaves_cleanly_and_goes_on_where_it_stood(
    fitted: tuple[Path, str], broker: EmbeddedBroker
) -> None:
    folder, topic = fitted
    send(broker, topic, range(N_LIVE))
    assert run_until_counted(folder, 2 * N_LIVE, signal.SIGTERM, look=see_metrics) == 0
    send(broker, topic, range(N_LIVE, 2 * N_LIVE))
    assert run_until_counted(folder, 4 * N_LIVE, signal.SIGTERM) == 0
    log = (folder / "agent.log").read_text()
    assert log.count("agent started: stream line") == 2
    assert log.count("agent stopped") == 2
    assert "time per stage" in log
    assert "Traceback" not in log
    status = driftgauge("status", "--json", cwd=folder)
    assert status.returncode == 3, status.stderr  # the agent has left
    rates = driftgauge("rates", "--period", "window", "--json", cwd=folder)
    rows = json.loads(rates.stdout)
    assert rates.returncode == 0, rates.stderr
    assert rows


def test_another_model_stops_scoring_with_an_alert(fitted: tuple[Path, str]) -> None:
    folder, _ = fitted
    shutil.copy(folder / "driftgauge.db", folder / "other.db")
    text = (folder / "driftgauge.toml").read_text().replace("image_size = 64", "image_size = 96")
    (folder / "other.toml").write_text(text.replace("driftgauge.db", "other.db"))
    database = Database(f"sqlite:///{folder}/other.db")
    store, path = Store(database), folder / "other.log"
    with path.open("ab") as log:
        agent = subprocess.Popen(
            [*COMMAND, "run", "--config", "other.toml"], cwd=folder, stdout=log, stderr=log
        )
    try:
        until(lambda: bool(store.alerts(STREAM, states=["open"])), agent, path)
        (raised,) = store.alerts(STREAM, states=["open"])
        assert (raised.test, raised.segment, raised.severity) == (STALE, "*", "critical")
        assert "images are not scored" in raised.message
        assert "fitted for a different configuration: preprocessing" in raised.message
        status = driftgauge("status", "--json", "--config", "other.toml", cwd=folder)
        assert json.loads(status.stdout)["answer"] == "held up"
        os.kill(agent.pid, signal.SIGTERM)
        assert agent.wait(timeout=120) == 0
    finally:
        database.close()
        if agent.poll() is None:
            agent.kill()
            agent.wait()
    assert "Traceback" not in path.read_text()


def until(holds: Callable[[], bool], agent: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until something holds while the agent runs."""
    deadline = time.monotonic() + 120
    while not holds():
        assert agent.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)


def test_a_stream_without_a_detector_says_what_to_do(fitted: tuple[Path, str]) -> None:
    folder, _ = fitted
    text = (folder / "driftgauge.toml").read_text().replace('name = "line"', 'name = "new"')
    (folder / "new.toml").write_text(text)
    done = driftgauge("run", "--config", "new.toml", cwd=folder)
    assert done.returncode == 1
    assert "stream 'new' has no detector" in done.stderr
    assert "driftgauge fit" in done.stderr


def send(broker: EmbeddedBroker, topic: str, indexes: range) -> None:
    with FrameProducer(broker.connection(), topic) as producer:
        for index in indexes:
            for camera in cameras():
                producer.send(
                    frame(camera, index, seed=1),
                    headers={"camera": camera.name},
                    event_id=f"{camera.name}/{index}",
                    event_time=START + timedelta(seconds=index),
                )


def see_metrics(folder: Path) -> None:
    """The pages of the real command, on the port that its settings name."""
    settings = tomllib.loads((folder / "driftgauge.toml").read_text())
    with closing(http.client.HTTPConnection("127.0.0.1", settings["http"]["port"])) as connection:
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
    assert f"driftgauge_events_scored_total {2 * N_LIVE:.1f}" in lines
    assert any(line.startswith("driftgauge_detector_info{") for line in lines)


def run_until_counted(
    folder: Path,
    events: int,
    leave: signal.Signals,
    look: Callable[[Path], object] = lambda _: None,
) -> int:
    """Run the agent until the database has so many events, look, return its exit code."""
    with (folder / "agent.log").open("ab") as log:
        agent = subprocess.Popen([*COMMAND, "run"], cwd=folder, stdout=log, stderr=log)
    try:
        database = Database(f"sqlite:///{folder}/driftgauge.db")
        store = Store(database)
        deadline = time.monotonic() + 120
        while store.event_counts(STREAM).get("*", 0) < events:
            assert agent.poll() is None, (folder / "agent.log").read_text()
            assert time.monotonic() < deadline, (folder / "agent.log").read_text()
            time.sleep(0.2)
        assert store.event_counts(STREAM)["*"] == events
        database.close()
        look(folder)
        os.kill(agent.pid, leave)
        return agent.wait(timeout=120)
    finally:
        if agent.poll() is None:
            agent.kill()
            agent.wait()
