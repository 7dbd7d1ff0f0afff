"""What the agent's benchmark runs on: a broker, real photographs, a fitted detector, whole loops."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from driftgauge.agent.clock import SystemClock
from driftgauge.agent.demo.broker import EmbeddedBroker
from driftgauge.agent.demo.produce import FrameProducer
from driftgauge.agent.demo.scenes import photograph_cameras
from driftgauge.agent.events.decode_settings import DecodeSettings
from driftgauge.agent.loop.loop import AgentLoop
from driftgauge.agent.loop.loop_settings import LoopSettings
from driftgauge.agent.ports import LoopStore, Scored, Scorer
from driftgauge.agent.settings.load import Settings, load_settings
from driftgauge.agent.stream.connection import KafkaConnection
from driftgauge.agent.stream.consumer import ConsumerSettings
from driftgauge.agent.stream.in_memory import MemoryDeadLetters
from driftgauge.agent.stream.kafka import KafkaSource
from driftgauge.agent.telemetry import Metrics
from driftgauge.agent.wiring.agent import build_agent
from driftgauge.agent.wiring.database import build_database
from driftgauge.storage import Database, FlushRecord, Store

from ..agent.scorer import BrightnessScorer
from ..broker import Broker, consumer_settings, kafka_lines
from ..certificates import certify
from ..kafka_server import KafkaServer, find_jars
from ..token_endpoint import signing_keys

STREAM = "bench"
FRAME_BYTES = 30_000


@contextmanager
def running_broker(kind: str, folder: Path) -> Iterator[Broker]:
    """Start Apache Kafka, or the embedded broker."""
    if kind == "embedded":
        with EmbeddedBroker(folder) as embedded:
            yield embedded
        return
    java = shutil.which("java")
    if java is None:
        raise SystemExit("Apache Kafka needs Java; or take --broker embedded")
    server = KafkaServer(java, find_jars(), folder, certify(folder))
    server.keys_file.write_text(signing_keys())
    server.format()
    server.start()
    try:
        yield server
    finally:
        server.stop()


def frames(n: int, *, n_bytes: int = FRAME_BYTES, seed: int = 0) -> list[bytes]:
    """Return JPEGs of about *n_bytes*, cut from photographs at random places."""
    rng = np.random.default_rng(seed)
    pictures = [camera.pictures[0] for camera in photograph_cameras()]
    found = []
    for number in range(n):
        picture = pictures[number % len(pictures)]
        x, y = (int(rng.integers(0, max(1, side - 224))) for side in picture.size)
        cut = picture.crop((x, y, x + 224, y + 224)).resize((320, 320))
        found.append(_jpeg_of(cut, n_bytes))
    return found


def frames_of_all_sizes(n: int, *, seed: int = 0) -> list[bytes]:
    """Return JPEGs with sides from 60 to 1,500 pixels."""
    rng = np.random.default_rng(seed)
    pictures = [camera.pictures[0] for camera in photograph_cameras()]
    sizes = np.exp(rng.uniform(np.log(60), np.log(1500), (n, 2))).astype(int)
    return [
        _jpeg_of(pictures[number % len(pictures)].resize((int(width), int(height))), FRAME_BYTES)
        for number, (width, height) in enumerate(sizes)
    ]


def _jpeg_of(picture: Image.Image, n_bytes: int) -> bytes:
    best = b""
    for quality in (95, 90, 85, 80, 70, 60, 40, 20):
        sink = io.BytesIO()
        picture.save(sink, "JPEG", quality=quality)
        if not best or abs(len(sink.getvalue()) - n_bytes) < abs(len(best) - n_bytes):
            best = sink.getvalue()
    return best


@dataclass
class Topic:
    """A topic that the benchmark fills, its partitions by turns."""

    broker: Broker
    name: str
    n_sent: int = 0

    n_partitions: int = 1

    def send(self, values: Sequence[bytes], n: int) -> None:
        with FrameProducer(self.broker.connection(), self.name) as producer:
            for number in range(n):
                producer.send(
                    values[number % len(values)],
                    headers={"camera": f"{number % 5}"},
                    partition=number % self.n_partitions,
                )
        self.n_sent += n


@dataclass
class TimedStore:
    """The real store, which notes when each flush was in the database."""

    store: Store
    flushed: list[tuple[float, int]] = field(default_factory=list)

    def flush(self, flush: FlushRecord) -> None:
        self.store.flush(flush)
        now = time.time()
        self.flushed += [(now, advance.next_offset) for advance in flush.advances]

    def segments(self, stream: str) -> Mapping[str, datetime]:
        return self.store.segments(stream)

    def ping(self) -> None:
        self.store.ping()

    def note_topic(self, stream: str, topic: str, topic_id: str) -> str | None:
        return self.store.note_topic(stream, topic, topic_id)

    def offsets(
        self, stream: str, partitions: frozenset[tuple[str, int]]
    ) -> dict[tuple[str, int], int]:
        return self.store.offsets(stream, partitions)


class PixelScorer(BrightnessScorer):
    """In the place of a model, at no cost: scores a picture by one of its pixels."""

    def score(
        self,
        images: Sequence[NDArray[np.uint8]],
        uniforms: NDArray[np.float64],
        segments: Sequence[Mapping[str, str]] = (),
    ) -> Scored:
        level = np.array([float(image[0, 0, 0]) for image in images])
        return Scored(
            scores=np.stack([level, level], axis=1), p_values=np.stack([uniforms, uniforms], axis=1)
        )


@dataclass(frozen=True)
class Reach:
    """What a process needs to read a topic; it can be sent to another one."""

    connection: KafkaConnection
    consumer: ConsumerSettings
    topic: str

    @classmethod
    def of(cls, topic: Topic) -> Reach:
        broker = topic.broker
        return cls(broker.connection(), consumer_settings(broker), topic.name)


def mock_loop(
    reach: Reach,
    store: LoopStore,
    stop: threading.Event,
    *,
    scorer: Scorer,
    flush_seconds: float = 5.0,
) -> AgentLoop:
    """Return a loop that is the agent's own in everything but its model."""
    return AgentLoop(
        source=KafkaSource(
            reach.connection, topic=reach.topic, group_id=reach.topic, settings=reach.consumer
        ),
        dead_letters=MemoryDeadLetters(),
        scorer=scorer,
        store=store,
        clock=SystemClock(),
        settings=LoopSettings(
            stream=STREAM,
            flush_interval_seconds=flush_seconds,
            decode=DecodeSettings(segment_headers=("camera",)),
        ),
        stop=stop,
    )


def mock_store(url: str, topic: str) -> tuple[Database, Store]:
    """Return a database that knows the stream."""
    database = Database(url)
    database.upgrade()
    store = Store(database)
    store.ensure_stream(STREAM, topic, 60)
    return database, store


@dataclass
class MockAgent:
    """A whole loop without a model: its scores are a pixel."""

    topic: Topic
    folder: Path
    flush_seconds: float = 5.0
    scorer: Scorer = field(default_factory=PixelScorer)
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        url = f"sqlite:///{self.folder}/{self.topic.name}.db"
        self.database, store = mock_store(url, self.topic.name)
        self.store = TimedStore(store)
        self.loop = mock_loop(
            Reach.of(self.topic),
            self.store,
            self.stop,
            scorer=self.scorer,
            flush_seconds=self.flush_seconds,
        )

    def close(self) -> None:
        self.stop.set()
        self.loop.run()
        self.database.close()


def turn_until_counted(loop: AgentLoop, n: int) -> float:
    """Turn until *n* events in all are in the database; return the seconds that took."""
    began = time.perf_counter()
    while loop.status().n_counted < n:
        loop.turn()
    while not loop.flush():
        loop.turn()
    return time.perf_counter() - began


def fitted_settings(
    folder: Path, broker: Broker, topic: str, reference: Sequence[bytes], *, detector: str = ""
) -> Settings:
    """Fit a detector on *reference* with the command line, and return the run's settings.

    Args:
        detector: more lines of its section.
    """
    images = folder / "reference"
    for number, value in enumerate(reference):
        place = images / f"{number % 5}" / f"{number:05d}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(value)
    reach = broker.connection()
    file = folder / "driftgauge.toml"
    file.write_text(
        f'[stream]\nname = "{STREAM}"\ntopic = "{topic}"\nsegments = ["camera"]\n'
        f'[kafka]\nbootstrap_servers = ["{reach.bootstrap_servers[0]}"]\n'
        f'auto_offset_reset = "earliest"\n{kafka_lines(broker)}'
        "[batch]\nmax_images = 16\n"
        '[model]\nfactory = "driftgauge.agent.demo.lite0:build_lite0"\n'
        f'[detector]\npath = "{folder}/detector"\n{detector}'
        f'[keep]\npath = "{folder}/kept"\n'
        f'[store]\nurl = "sqlite:///{folder}/real.db"\n'
    )
    command = [sys.executable, "-m", "driftgauge.agent.command", "fit", "--config", str(file)]
    done = subprocess.run(
        [*command, "--images", str(images), "--probes", "0"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"fit failed:\n{done.stdout}{done.stderr}")
    return load_settings(file)


class RealAgent:
    """What ``driftgauge run`` builds, turned by the benchmark."""

    def __init__(self, settings: Settings) -> None:
        self.stop = threading.Event()
        self.database = build_database(settings)
        metrics = Metrics(alpha=settings.stream.alpha)
        store = Store(self.database)
        self.loop = build_agent(settings, store, stop=self.stop, metrics=metrics).loop

    def close(self) -> None:
        self.stop.set()
        self.loop.run()
        self.database.close()


def resident_mib() -> float:
    """Return this process's resident memory."""
    status = Path("/proc/self/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def in_thread(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread
