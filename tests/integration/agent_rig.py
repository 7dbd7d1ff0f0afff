"""A loop in this process on a real broker and a real database, turned by the test."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from driftgauge.agent.clock import SystemClock
from driftgauge.agent.demo.produce import FrameProducer
from driftgauge.agent.events.decode import DecodeSettings
from driftgauge.agent.loop.loop import AgentLoop
from driftgauge.agent.loop.loop_settings import LoopSettings
from driftgauge.agent.stream.connection import KafkaConnection
from driftgauge.agent.stream.consumer import OffsetReset
from driftgauge.agent.stream.group_owner import GroupOwner
from driftgauge.agent.stream.in_memory import MemoryDeadLetters
from driftgauge.agent.stream.kafka import KafkaSource
from driftgauge.storage import Store

from ..agent.records import NOON, jpeg
from ..agent.scorer import BrightnessScorer
from ..broker import Broker, consumer_settings, until
from ..stores import upgraded

STREAM = "line"
SETTINGS = LoopSettings(
    stream=STREAM,
    decode=DecodeSettings(segment_headers=("camera",)),
    max_images=8,
    max_delay_seconds=0.02,
    flush_interval_seconds=0.05,
    poll_seconds=0.05,
)


@contextmanager
def new_store(folder: Path, topic: str) -> Iterator[Store]:
    """Give a store with the stream of *topic*, on SQLite in *folder*."""
    database = upgraded(f"sqlite:///{folder}/driftgauge.db")
    store = Store(database)
    store.ensure_stream(STREAM, topic, 60)
    yield store
    database.close()


@dataclass
class Agent:
    """A loop, and what it counted."""

    loop: AgentLoop
    source: KafkaSource
    store: Store
    stop: threading.Event
    letters: MemoryDeadLetters

    @property
    def n_counted(self) -> int:
        return self.store.event_counts(STREAM).get("*", 0)

    @property
    def next_offsets(self) -> dict[int, int]:
        return {row.partition: row.next_offset for row in self.store.partitions(STREAM)}

    def read(self, n: int) -> None:
        """Turn until *n* are counted, and a little more to see that it stays so."""
        until(lambda: self.n_counted >= n, self.loop.turn)
        self.idle()
        assert self.n_counted == n

    def idle(self) -> None:
        for _ in range(6):
            self.loop.turn()

    def leave(self) -> None:
        self.stop.set()
        self.loop.run()


@dataclass(frozen=True)
class Rig:
    """A topic with the agents that read it, and what they counted.

    Attributes:
        server: where the topic is; agents may reach it by another way.
    """

    server: Broker
    topic: str
    store: Store

    def agent(
        self,
        reset: OffsetReset = "earliest",
        *,
        poll_seconds: float = 0.05,
        connection: KafkaConnection | None = None,
        session_timeout_seconds: float = 30,
        lag_interval_seconds: float = 10.0,
        stream: str = STREAM,
    ) -> Agent:
        source = KafkaSource(
            connection or self.server.connection(),
            topic=self.topic,
            group_id=self.topic,
            settings=replace(
                consumer_settings(self.server, reset),
                session_timeout_seconds=session_timeout_seconds,
                heartbeat_interval_seconds=session_timeout_seconds / 5,
            ),
            first_partitions=partial(self.store.first_partitions, stream),
            owner=GroupOwner(self.store.database_id(), stream),
        )
        stop, letters = threading.Event(), MemoryDeadLetters()
        loop = AgentLoop(
            source=source,
            dead_letters=letters,
            scorer=BrightnessScorer(),
            store=self.store,
            clock=SystemClock(),
            settings=replace(
                SETTINGS,
                stream=stream,
                poll_seconds=poll_seconds,
                lag_interval_seconds=lag_interval_seconds,
            ),
            stop=stop,
        )
        return Agent(loop, source, self.store, stop, letters)

    def send(self, n: int, *, partition: int = 0) -> None:
        with FrameProducer(self.server.connection(), self.topic) as producer:
            for _ in range(n):
                producer.send(jpeg(), partition=partition, event_time=NOON)
