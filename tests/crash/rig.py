"""Agents in processes of their own on one topic and one database."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from driftgauge.agent.keep.shard import decode_shard
from driftgauge.agent.loop.sampling import SamplingSettings
from driftgauge.agent.stream.consumer import ConsumerSettings
from driftgauge.storage import Database, Store, StoreUnavailable

from ..broker import Broker, consumer_settings
from ..stores import upgraded
from .agent import STREAM, AgentProcess, Orders, kept_folder
from .ledger import WINDOW_SECONDS, Ledger, assert_counted_once

SECONDS_TO_CATCH_UP = 180.0


@dataclass
class Rig:
    broker: Broker
    topic: str
    url: str
    database: Database
    folder: Path
    busy_seconds: float = 10.0
    sampling: SamplingSettings = field(default_factory=SamplingSettings)
    follows: bool = False
    tries: bool = False

    @property
    def store(self) -> Store:
        return Store(self.database)

    def start(self) -> AgentProcess:
        """Start an agent and return when it has reached the broker; its log is kept."""
        orders = Orders(
            self.broker.connection(),
            self.topic,
            self.url,
            self.folder / "step",
            self._log,
            self._consumer,
            self.busy_seconds,
            self.sampling,
            self.follows,
            self.tries,
        )
        return AgentProcess(orders)

    @contextmanager
    def agent(self) -> Iterator[AgentProcess]:
        process = self.start()
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            code = process.terminate()
        assert code == 0, self.words

    def step_clock(self, seconds: float) -> None:
        """Set every agent's wall clock off by so much."""
        unfinished = self.folder / "step.new"
        unfinished.write_text(str(seconds))
        unfinished.rename(self.folder / "step")

    def next_offsets(self) -> dict[int, int]:
        try:
            rows = self.store.partitions(STREAM)
        except StoreUnavailable:
            return {}
        return {row.partition: row.next_offset for row in rows}

    def wait_until_read(self, sent: Ledger) -> None:
        """Wait until the database is at the ends of the partitions, while there is progress.

        A hundred deaths leave a backlog of tens of thousands.
        """
        while not self._has_read(sent):
            self.wait_for_progress(sent)

    def wait_for_progress(self, sent: Ledger) -> None:
        """Wait until an agent has counted anything more, or all that was sent: it may have been quicker."""
        before = self.next_offsets()
        self._wait(lambda: self.next_offsets() != before or self._has_read(sent), 0.01)

    def _has_read(self, sent: Ledger) -> bool:
        wanted = {number: n for number, n in sent.offsets.items() if n}
        return {number: n for number, n in self.next_offsets().items() if n} == wanted

    def wait_until_it_reads(self, agent: AgentProcess) -> None:
        """Wait until *agent* has partitions."""
        words = f"{agent.pid} driftgauge.agent.loop.loop reading "
        self._wait(lambda: words in self.words, 0.05)

    def wait_for_words(self, words: str) -> None:
        """Wait until some agent has logged *words*."""
        self._wait(lambda: words in self.words, 0.05)

    def check(self, sent: Ledger) -> None:
        """Hold the database's windows, and the kept taps, to what was sent."""
        assert sent.n > 0
        assert_counted_once(self.database, sent)
        assert len(self.kept_places()) == sum(
            n for (segment, _), n in sent.windows.items() if segment == "*"
        )

    def kept_places(self) -> set[tuple[int, int]]:
        """Return partition and offset of each event that is kept: each once, each row with its file."""
        folder, places = kept_folder(self._log), list[tuple[int, int]]()
        for row in self.store.kept.shards(STREAM):
            shard = decode_shard(folder.read(row.path, sha256=row.sha256))
            assert len(shard) == row.events
            places += [(partition, offset) for partition, offset, _ in shard.places.tolist()]
        assert len(places) == len(set(places))
        assert sum(run.events for run in self.store.kept.runs(STREAM)) == len(places)
        return set(places)

    @property
    def words(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    @property
    def _consumer(self) -> ConsumerSettings:
        return replace(
            consumer_settings(self.broker),
            session_timeout_seconds=2,
            heartbeat_interval_seconds=0.3,
            fetch_max_bytes=65_536,
        )

    @property
    def _log(self) -> Path:
        return self.folder / "agent.log"

    def _wait(self, holds: Callable[[], bool], seconds: float) -> None:
        tick, deadline = threading.Event(), time.monotonic() + SECONDS_TO_CATCH_UP
        while not holds():
            tick.wait(seconds)
            assert time.monotonic() < deadline, (self.next_offsets(), self.words[-4000:])


@contextmanager
def made(
    broker: Broker, topic: str, folder: Path, url: str | None = None, busy_seconds: float = 10.0
) -> Iterator[Rig]:
    """Make the topic, with two partitions, and the tables in an empty database."""
    broker.create_topic(topic, 2)
    url = url or f"sqlite:///{folder}/driftgauge.db"
    database = upgraded(url)
    Store(database).ensure_stream(STREAM, topic, WINDOW_SECONDS)
    rig = Rig(broker, topic, url, database, folder, busy_seconds)
    rig.step_clock(0)
    yield rig
    database.close()
