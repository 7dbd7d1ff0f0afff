"""A new user's first hour, with a stop-watch: from an empty folder to the first rate, then to the first alert.

Run: python -m tests.benchmarks.first_hour [--images N]

Apache Kafka runs already, and driftgauge is installed. The files are README's own, with a model of
their own, and real photographs as still images. After the first rate every picture of one camera is
blurred.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import timm
import torch
from kafka import KafkaProducer  # noqa: TID251 - it sends as a user's program does
from PIL import Image, ImageFilter

from driftgauge.agent.demo.frames import frame
from driftgauge.agent.demo.scenes import Camera, photograph_cameras

from ..certificates import certify
from ..kafka_server import KafkaServer, find_jars
from ..token_endpoint import signing_keys
from .table import Figure, write_benchmark

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(?:toml|python)\n# ([\w.]+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TOPIC = "line-3-images"
PER_SECOND = 4
PATIENCE_SECONDS = 900
BLUR_PIXELS = 4


class StopWatch:
    """Seconds since the start, and what took how long."""

    def __init__(self) -> None:
        self._began = self._lap = time.monotonic()
        self.rows: list[dict[str, object]] = []

    @property
    def seconds(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self._began

    def lap(self, step: str) -> float:
        """Note that *step* is done, and return what it took."""
        took = time.monotonic() - self._lap
        self._lap = time.monotonic()
        self.rows.append(
            {"step": step, "seconds": round(took, 1), "in all": round(self.seconds, 1)}
        )
        print(f"{self.seconds:7.1f} s  {step}", file=sys.stderr, flush=True)
        return took


@contextmanager
def apache_kafka(folder: Path) -> Iterator[str]:
    """Give the address of a running Apache Kafka."""
    java = shutil.which("java")
    if java is None:
        sys.exit("this needs a Java runtime: apt-get install default-jre-headless")
    server = KafkaServer(java, find_jars(), folder, certify(folder))
    server.keys_file.write_text(signing_keys())
    server.format()
    try:
        server.start()
        server.create_topic(TOPIC)
        (address,) = server.connection().bootstrap_servers
        yield address
    finally:
        server.stop()


def write_files(folder: Path, address: str) -> None:
    """Write README's files, and the weights of the model that they name."""
    for name, text in FENCE.findall((ROOT / "README.md").read_text(encoding="utf-8")):
        (folder / name).write_text(text.replace("localhost:9092", address), encoding="utf-8")
    model = timm.create_model("mobilenetv3_small_050", num_classes=10)
    torch.save(model.state_dict(), folder / "weights.pt")


def write_images(folder: Path, cameras: list[Camera], n_images: int) -> None:
    """Write still images of each camera, as a user has them."""
    for camera in cameras:
        place = folder / "reference" / camera.name
        place.mkdir(parents=True)
        for index in range(n_images):
            (place / f"frame_{index}.jpg").write_bytes(frame(camera, index, seed=0))


def asked(command: str, folder: Path) -> list[dict[str, Any]]:
    """Return what a command prints with --json, nothing while it cannot say."""
    done = subprocess.run(
        ["driftgauge", *command.split(), "--json"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    found: list[dict[str, Any]] = json.loads(done.stdout) if done.returncode == 0 else []
    return found


def blurred(jpeg: bytes) -> bytes:
    """Return the picture out of focus."""
    sink = io.BytesIO()
    with Image.open(io.BytesIO(jpeg)) as opened:
        opened.filter(ImageFilter.GaussianBlur(BLUR_PIXELS)).save(sink, "JPEG", quality=90)
    return sink.getvalue()


def send_until_alert(folder: Path, address: str, cameras: list[Camera], first: int) -> bool:
    """Send frames, those of the first camera blurred, until there is an alert."""
    producer = KafkaProducer(bootstrap_servers=address)
    deadline, index = time.monotonic() + PATIENCE_SECONDS, first
    try:
        while time.monotonic() < deadline:
            began = time.monotonic()
            for _ in range(2 * PER_SECOND):
                for camera in cameras:
                    jpeg = frame(camera, index, seed=0)
                    value = blurred(jpeg) if camera is cameras[0] else jpeg
                    producer.send(TOPIC, value, headers=[("camera", camera.name.encode())])
                index += 1
            if asked("alerts list", folder):
                return True
            time.sleep(max(0.0, 2 - (time.monotonic() - began)))
        return False
    finally:
        producer.close()


def walk_through(folder: Path, address: str, n_images: int) -> tuple[StopWatch, float, float]:
    """Do what README says; return the watch, and the seconds to the first rate and to the alert."""
    cameras = list(photograph_cameras()[:2])
    write_images(folder, cameras, n_images)
    watch = StopWatch()
    write_files(folder, address)
    for script in ("python send.py", "driftgauge config", "driftgauge fit --images reference"):
        subprocess.run(script.split(), cwd=folder, check=True, stdout=subprocess.DEVNULL)
        watch.lap(script)
    with (folder / "run.log").open("wb") as log:
        agent = subprocess.Popen(["driftgauge", "run"], cwd=folder, stderr=log)
        try:
            while not asked("rates", folder):
                if agent.poll() is not None or watch.seconds > PATIENCE_SECONDS:
                    sys.exit(f"no rate; the agent said:\n{(folder / 'run.log').read_text()}")
                time.sleep(0.5)
            watch.lap("driftgauge run: the first rate")
            rate_seconds = watch.seconds
            if not send_until_alert(folder, address, cameras, n_images):
                sys.exit(f"no alert; the agent said:\n{(folder / 'run.log').read_text()}")
            alert_seconds = watch.lap("pictures blurred: the first alert")
        finally:
            agent.send_signal(signal.SIGTERM)
            agent.wait(60)
    return watch, rate_seconds, alert_seconds


def main() -> None:
    """Print the table and write build/benchmarks/first_hour.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=300, help="of each of two cameras")
    chosen = parser.parse_args()
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory() as kafka,
        apache_kafka(Path(kafka)) as address,
    ):
        watch, rate, alert = walk_through(Path(folder), address, chosen.images)
    figures = [
        Figure("empty folder to the first rate", round(rate, 1), "s"),
        Figure("blur to the first alert", round(alert, 1), "s"),
    ]
    write_benchmark("first_hour", watch.rows, figures)


if __name__ == "__main__":
    main()
