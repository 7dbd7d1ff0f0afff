"""Seconds from a promotion, or a rollback, to the last agent's change, while a stream runs.

Two agents are processes of ``driftgauge run`` on one broker and one SQLite file, with a real model. Each
change is asked for by the command, with ``--wait``. At the end every picture must have counted once.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from driftgauge.agent.demo.agent_process import AgentProcess
from driftgauge.agent.demo.broker import EmbeddedBroker
from driftgauge.agent.demo.frames import frame
from driftgauge.agent.demo.produce import FrameProducer
from driftgauge.agent.demo.scenes import photograph_cameras
from driftgauge.agent.settings.load import Settings, load_settings
from driftgauge.agent.wiring.database import build_database
from driftgauge.detector import read_manifest, save_detector
from driftgauge.storage import DetectorRecord, DetectorStatus, Store

from .short_fit import ShortFit
from .table import Figure, write_benchmark

STREAM, TOPIC = "line", "frames"
GOAL_SECONDS = 5.0
AGENTS = 2
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
image_size = 64
[detector]
path = "{folder}/detector"
[keep]
path = "{folder}/kept"
[store]
url = "sqlite:///{folder}/driftgauge.db"
[http]
port = 0
"""


def fit_two(settings: Settings, store: Store) -> list[str]:
    """Register two detectors, the first active; their training is short."""
    short = ShortFit.read(settings)
    names = []
    statuses: tuple[DetectorStatus, ...] = ("active", "candidate")
    for seed, status in enumerate(statuses):
        detector = short.fit(seed)
        name = save_detector(detector, settings.detector.path, short.loaded.identity, {})
        folder = settings.detector.path / name
        made = DetectorRecord(
            name, STREAM, str(folder), datetime.now(UTC), status, read_manifest(folder)
        )
        store.register_detector(made)
        names.append(name)
    return names


class Sender(threading.Thread):
    """Sends pictures of two cameras at a steady rate until it is stopped."""

    def __init__(self, broker: EmbeddedBroker, per_second: float) -> None:
        super().__init__(daemon=True)
        self._broker = broker
        self._pause = 1.0 / per_second
        self._stop_asked = threading.Event()
        self.n_sent = 0

    def run(self) -> None:
        cameras = photograph_cameras()[:2]
        with FrameProducer(self._broker.connection(), TOPIC) as producer:
            while not self._stop_asked.wait(self._pause):
                camera = cameras[self.n_sent % 2]
                producer.send(
                    frame(camera, self.n_sent % 50, seed=2),
                    headers={"camera": camera.name},
                    partition=self.n_sent % 2,
                    event_time=datetime.now(UTC),
                )
                self.n_sent += 1
            producer.flush()

    def end(self) -> None:
        self._stop_asked.set()
        self.join()


def asked(folder: Path, *arguments: str) -> dict[str, object]:
    """Run a command of ``driftgauge detectors``, and return its JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "driftgauge.agent.command", "detectors", *arguments, "--json"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    told: dict[str, object] = json.loads(done.stdout)
    return told


def wait_until(holds: object, seconds: float = 300.0) -> None:
    """Return once *holds* does."""
    deadline = time.monotonic() + seconds
    while not holds():  # type: ignore[operator]  # a function of no arguments
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.5)


def measured(folder: Path, *, trials: int, per_second: float) -> tuple[list[float], int, int]:
    """Return the seconds of each change, pictures sent, and pictures counted."""
    with EmbeddedBroker(folder / "broker") as broker, ExitStack() as stack:
        broker.create_topic(TOPIC, 2)
        (folder / "driftgauge.toml").write_text(
            SETTINGS.format(broker=broker.address, folder=folder)
        )
        settings = load_settings(folder / "driftgauge.toml")
        database = build_database(settings)
        stack.callback(database.close)
        store = Store(database)
        store.ensure_stream(STREAM, TOPIC, settings.windows.seconds)
        _, second = fit_two(settings, store)
        sender = Sender(broker, per_second)
        sender.start()
        config = ["run", "--config", str(folder / "driftgauge.toml")]
        for number in range(AGENTS):
            stack.enter_context(AgentProcess(config, folder / f"agent-{number}.log"))
        wait_until(lambda: len([one for one in store.agents(STREAM) if one.detector]) == AGENTS)
        wait_until(lambda: len(store.partitions(STREAM)) == AGENTS)
        seconds = []
        for trial in range(trials):
            step = ("rollback",) if trial % 2 else ("promote", second)
            told = asked(folder, *step, "--wait", "--timeout", "60")
            seconds.append(float(str(told["seconds"])))
        sender.end()
        wait_until(lambda: store.event_counts(STREAM).get("*", 0) >= sender.n_sent)
        return seconds, sender.n_sent, store.event_counts(STREAM)["*"]


def main() -> None:
    """Print the table; takes some minutes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--per-second", type=float, default=20.0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seconds, n_sent, n_counted = measured(
            Path(folder), trials=chosen.trials, per_second=chosen.per_second
        )
    rows = [
        {"change": number, "step": "rollback" if number % 2 else "promote", "seconds": f"{one:.2f}"}
        for number, one in enumerate(seconds)
    ]
    figures = [
        Figure("median, last of two agents", round(statistics.median(seconds), 2), "s"),
        Figure(
            "slowest", round(max(seconds), 2), "s", f"at most {GOAL_SECONDS:g} s",
            max(seconds) <= GOAL_SECONDS,
        ),
        Figure("pictures sent", n_sent, ""),
        Figure("pictures counted", n_counted, "", "as many", n_counted == n_sent),
    ]  # fmt: skip
    write_benchmark("swap", rows, figures)


if __name__ == "__main__":
    main()
