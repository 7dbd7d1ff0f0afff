"""Agents in processes of their own on one topic and one database file."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from driftgauge.agent.stream.produce import FrameProducer
from driftgauge.storage import Database, Store

from ..agent.records import NOON, jpeg
from ..broker import Broker
from .agent import STREAM

ROOT = Path(__file__).parents[2]
SECONDS_TO_CATCH_UP = 30.0


@dataclass
class Rig:
    broker: Broker
    topic: str
    url: str
    store: Store
    folder: Path

    def start(self) -> subprocess.Popen[str]:
        """Start an agent and return when it has joined the broker; its log is kept."""
        reach = self.broker.connection()
        arguments = (*reach.bootstrap_servers, reach.profile, self.topic, self.url)
        with self._log.open("a") as log:
            agent = subprocess.Popen(
                [sys.executable, "-m", "tests.crash.agent", *arguments],
                cwd=ROOT,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert agent.stdout is not None
        assert agent.stdout.readline() == "ready\n", self._log.read_text()
        return agent

    @contextmanager
    def agent(self) -> Iterator[subprocess.Popen[str]]:
        with self.start() as process:
            try:
                yield process
            finally:
                process.send_signal(signal.SIGCONT)
                process.terminate()
                process.wait(30)

    def next_offsets(self) -> dict[int, int]:
        return {row.partition: row.next_offset for row in self.store.partitions(STREAM)}

    def wait_until_read(self, sent: dict[int, int]) -> None:
        """Wait until the database is at the ends of the partitions."""
        self._wait(lambda: self.next_offsets() == sent, 0.05)

    def wait_for_progress(self) -> None:
        """Wait until an agent has counted anything more."""
        before = self.next_offsets()
        self._wait(lambda: self.next_offsets() != before, 0.01)

    def wait_until_it_reads(self, agent: subprocess.Popen[str]) -> None:
        """Wait until *agent* has partitions."""
        words = f"{agent.pid} driftgauge.agent.loop reading "
        self._wait(lambda: words in self._log.read_text(), 0.05)

    @property
    def _log(self) -> Path:
        return self.folder / "agent.log"

    def _wait(self, holds: Callable[[], bool], seconds: float) -> None:
        tick, deadline = threading.Event(), time.monotonic() + SECONDS_TO_CATCH_UP
        while not holds():
            tick.wait(seconds)
            assert time.monotonic() < deadline, (self.next_offsets(), self._log.read_text()[-4000:])


@contextmanager
def made(broker: Broker, topic: str, folder: Path) -> Iterator[Rig]:
    """Make the topic, with two partitions, and an empty database."""
    broker.create_topic(topic, 2)
    url = f"sqlite:///{folder}/driftgauge.db"
    database = Database(url)
    database.upgrade()
    store = Store(database)
    store.ensure_stream(STREAM, topic, 60)
    yield Rig(broker, topic, url, store, folder)
    database.close()


def send(producer: FrameProducer, n: int, sent: dict[int, int]) -> None:
    for _ in range(n):
        partition = random.randrange(2)
        producer.send(
            jpeg(), headers={"camera": str(partition)}, partition=partition, event_time=NOON
        )
        sent[partition] += 1
    producer.flush()


def counted(rig: Rig) -> dict[str, int]:
    return rig.store.event_counts(STREAM)
