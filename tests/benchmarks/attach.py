"""What attaching costs the host: its forward pass with taps sent, over the same without.

Hosts of equal weights take turns: two bare ones (the second shows the noise), one whose producer
discards, and one for each broker with a real producer. In each round every host runs a burst of
forward passes on the same photographs, in an order that turns from round to round, so that a machine
that slows down slows all. The first pass of a burst is not timed: from then on the sender is busy
with the pass before, as in a serving process. The overhead is the median of the rounds' ratios to
the first bare host.

On a busy machine that has more noise than the goal, so the cost is accounted for as well, in the
processor's time: our hooks, and every other thread of the process, as if the host waited for all of
it. The sum over a bare pass is an upper bound, and has the goal.

Run: python -m tests.benchmarks.attach [--seconds N] [--batch N] [--side PIXELS] [--threads N]
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import torch
from kafka import KafkaProducer  # noqa: TID251 - the host brings its own
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from driftgauge.agent import attach
from driftgauge.agent.demo.broker import EmbeddedBroker
from driftgauge.agent.demo.frames import frame
from driftgauge.agent.demo.lite0 import build_lite0
from driftgauge.agent.demo.scenes import photograph_cameras
from driftgauge.agent.events.image import ImageSettings, decode_image
from driftgauge.agent.hook.attachment import Attachment
from driftgauge.agent.model.preprocessing import timm_preprocessing
from driftgauge.agent.stream.connection import KafkaConnection
from driftgauge.agent.stream.kafka_client import build_client, close_producer
from driftgauge.agent.stream.topic import ensure_topics
from driftgauge.detector import select_layers

from ..certificates import certify
from ..kafka_server import KafkaServer, find_jars
from ..token_endpoint import signing_keys
from .hook_clock import HookClock
from .table import Figure, write_benchmark

TOPIC = "taps"
PASSES = 2
FEWEST_ROUNDS = 4
COLUMNS = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
MOST_PERCENT = 1.0
BARE, AGAIN, DISCARD = "bare", "bare, again", "a producer that discards"
EMBEDDED, APACHE = "embedded broker, a request a pass", "Apache Kafka, large requests"
LARGE_REQUESTS = {"batch_size": 1_000_000, "linger_ms": 2000}
"""As docs/operations.md advises for a serving process."""


class Discard:
    """A producer that does nothing."""

    def send(self, topic: str, **message: Any) -> None:
        """Forget the message."""


@dataclass(slots=True)
class Times:
    """Seconds in each burst.

    Attributes:
        wall: of one pass.
        own: processor time of one pass in the host's thread.
        hooks: of it in our hooks.
        others: processor time of the other threads, a pass, until all is handed over.
    """

    wall: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    hooks: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Host:
    """A model that serves.

    Attributes:
        n_images: that passed so far.
        n_differing: outputs whose bits are not those of a bare model.
    """

    name: str
    model: nn.Module
    attachment: Attachment | None = None
    clock: HookClock = field(default_factory=lambda: HookClock(time.thread_time))
    times: Times = field(default_factory=Times)
    n_images: int = 0
    n_differing: int = 0

    def serve(self, batch: Tensor, wanted: Tensor) -> None:
        """Run a burst, time it, and compare its outputs."""
        process, thread, hooks = time.process_time(), time.thread_time(), self.clock.seconds
        outputs = [self.model(batch)]
        started, own = time.perf_counter(), time.thread_time()
        outputs += [self.model(batch) for _ in range(PASSES)]
        self.times.wall.append((time.perf_counter() - started) / PASSES)
        self.times.own.append((time.thread_time() - own) / PASSES)
        self.n_images += len(outputs) * len(batch)
        self._hand_over()
        others = time.process_time() - process - (time.thread_time() - thread)
        self.times.others.append(others / len(outputs))
        self.times.hooks.append((self.clock.seconds - hooks) / len(outputs))
        self.n_differing += sum(not torch.equal(output, wanted) for output in outputs)

    def _hand_over(self) -> None:
        if self.attachment is None:
            return
        counts = self.attachment.counts
        while counts.sent + counts.dropped + counts.failed < self.n_images:
            time.sleep(0.001)


@contextmanager
def producing(connection: KafkaConnection, **options: Any) -> Iterator[Any]:
    """Give a producer of the broker, whose topic is made."""
    ensure_topics(connection, {TOPIC: 1})
    options = {**connection.producer_options(), **options}
    producer = build_client(KafkaProducer, connection, f"send to {TOPIC}", **options)
    try:
        yield producer
    finally:
        close_producer(producer, timeout_seconds=10)


@contextmanager
def apache_kafka(java: str, folder: Path) -> Iterator[KafkaConnection]:
    """Give a real Kafka."""
    server = KafkaServer(java, find_jars(), folder, certify(folder))
    server.keys_file.write_text(signing_keys())
    server.format()
    server.start()
    try:
        yield server.connection()
    finally:
        server.stop()


@contextmanager
def serving(sample: Tensor) -> Iterator[list[Host]]:
    """Give the hosts, each with a model of its own."""
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        embedded = held.enter_context(EmbeddedBroker(folder / "embedded")).connection()
        producers: dict[str, Any] = {DISCARD: Discard()}
        producers[EMBEDDED] = held.enter_context(producing(embedded))
        if java := shutil.which("java"):
            apache = held.enter_context(apache_kafka(java, folder))
            producers[APACHE] = held.enter_context(producing(apache, **LARGE_REQUESTS))
        hosts = [Host(name, build_model()) for name in (BARE, AGAIN)]
        for name, producer in producers.items():
            model = build_model()
            attachment = attach(model, producer, select_layers(model, sample), topic=TOPIC)
            host = Host(name, model, held.enter_context(attachment))
            host.clock.watch(model)
            hosts.append(host)
        yield hosts


def build_model() -> nn.Module:
    """Return the demonstration's model in the layout that is fastest on a processor."""
    return build_lite0().to(memory_format=torch.channels_last)


def photographs(n: int, side: int) -> Tensor:
    """Return frames of the demonstration's cameras, as the model takes them."""
    transform = timm_preprocessing(build_lite0(), side).transform
    cameras = photograph_cameras()
    encoded = [frame(cameras[index % len(cameras)], index, seed=0) for index in range(n)]
    pictures = [
        Image.fromarray(decode_image(value, ImageSettings(max_pixels=10**7))) for value in encoded
    ]
    batch = torch.stack([transform(picture) for picture in pictures])
    return batch.contiguous(memory_format=torch.channels_last)


def run(hosts: Sequence[Host], batch: Tensor, seconds: float) -> None:
    """Let each host serve in each round, for so long; a first round is thrown away."""
    wanted = hosts[0].model(batch)
    for host in hosts:
        host.serve(batch, wanted)
        host.times = Times()
    # A bar that refreshes itself has a thread, whose processor time would count.
    with Progress(*COLUMNS, console=Console(stderr=True), auto_refresh=False) as bars:
        task = bars.add_task("Rounds", total=seconds)
        started = time.monotonic()
        for number in count():
            turn = number % len(hosts)
            for host in (*hosts[turn:], *hosts[:turn]):
                host.serve(batch, wanted)
            passed = time.monotonic() - started
            bars.update(task, completed=passed, refresh=True)
            if passed > seconds and number + 1 >= FEWEST_ROUNDS:
                return


def main() -> None:
    """Print the table and write build/benchmarks/attach.json; exit 1 when the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=240, help="in which rounds begin")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--threads", type=int, default=1, help="of the model")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    batch = photographs(chosen.batch, chosen.side)
    with torch.inference_mode(), serving(batch[:1]) as hosts:
        run(hosts, batch, chosen.seconds)
        rows = [_row(host, hosts[0]) for host in hosts]
        figures = _figures(hosts, chosen)
    write_benchmark("attach", rows, figures)
    sys.exit(any(figure.holds is False for figure in figures))


def overhead(mine: Sequence[float], bare: Sequence[float]) -> tuple[float, float, float]:
    """Return the quartiles of the overhead in per cent, the median in the middle."""
    ratios = [100 * (its / bares - 1) for its, bares in zip(mine, bare, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return low, middle, high


def at_most(host: Host, bare: Host) -> float:
    """Return hooks and all other threads as per cent of a bare pass: more it cannot cost."""
    cost = statistics.median(host.times.hooks) + statistics.median(host.times.others)
    idle = statistics.median(bare.times.others)
    return 100 * (cost - idle) / statistics.median(bare.times.own)


def _row(host: Host, bare: Host) -> dict[str, object]:
    low, middle, high = overhead(host.times.wall, bare.times.wall)
    counts = host.attachment.counts if host.attachment else None
    return {
        "host": host.name,
        "ms a pass": round(1000 * statistics.median(host.times.wall), 1),
        "of processor": round(1000 * statistics.median(host.times.own), 1),
        "overhead %": round(middle, 2),
        "quartiles": f"{low:.1f} to {high:.1f}",
        "of processor %": round(overhead(host.times.own, bare.times.own)[1], 2),
        "hooks ms": round(1000 * statistics.median(host.times.hooks), 2),
        "other threads ms": round(1000 * statistics.median(host.times.others), 2),
        "at most %": round(at_most(host, bare), 2),
        "sent": counts.sent if counts else "",
        "lost": counts.dropped + counts.failed if counts else "",
        "outputs that differ": host.n_differing,
    }


def _figures(hosts: Sequence[Host], chosen: argparse.Namespace) -> list[Figure]:
    bare = hosts[0]
    found = [
        Figure("batch", chosen.batch, "images"),
        Figure("side", chosen.side, "px"),
        Figure("threads of the model", chosen.threads, "threads"),
        Figure("rounds", len(bare.times.wall), "rounds"),
    ]
    for host in hosts[1:]:
        name = f"overhead, {host.name}"
        found.append(Figure(name, round(overhead(host.times.wall, bare.times.wall)[1], 2), "%"))
    for host in hosts[2:]:
        most, has_goal = at_most(host, bare), host.name != EMBEDDED
        name, goal = f"hooks and other threads, {host.name}", f"below {MOST_PERCENT:g}"
        holds = most < MOST_PERCENT if has_goal else None
        found.append(Figure(name, round(most, 2), "%", goal if has_goal else "", holds))
    differing = sum(host.n_differing for host in hosts)
    return [*found, Figure("outputs that differ", differing, "outputs", "0", not differing)]


if __name__ == "__main__":
    main()
