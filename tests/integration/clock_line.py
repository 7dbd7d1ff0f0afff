"""Cameras on one topic, read by the real loop into a real database, while clocks are wrong."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np

from driftgauge.agent.clock import ManualClock
from driftgauge.agent.demo.produce import FrameProducer
from driftgauge.agent.drift.monitor import Monitor
from driftgauge.agent.drift.monitor_settings import MonitorSettings
from driftgauge.agent.events.decode import DecodeSettings
from driftgauge.agent.loop.loop import AgentLoop
from driftgauge.agent.loop.loop_settings import LoopSettings
from driftgauge.agent.ports import EventSource
from driftgauge.agent.stream.in_memory import MemoryDeadLetters, MemorySource, MemoryTopic
from driftgauge.storage import Store

from ..agent.drift.streams import windows_of
from ..agent.records import NOON, jpeg
from ..agent.scorer import BrightnessScorer
from ..stores import HandClock

STREAM = "line"
EVENTS = 30
"""A camera's in a minute."""
QUIET, BRIGHT = jpeg(60), jpeg(220)
YEARS = timedelta(days=round(56 * 365.25))
N_PARTITIONS = 2


class Feed(Protocol):
    """Where cameras send.

    Attributes:
        is_at_once: whether what was sent can be read at once, so that reading takes no real time.
    """

    is_at_once: bool

    def send(
        self, value: bytes, *, camera: str, partition: int, dated: datetime, at: datetime
    ) -> None:
        """Send a picture that the camera dates *dated*, at the time *at*."""

    def flush(self) -> None:
        """Return when all that was sent can be read."""


class MemoryFeed:
    """A topic in memory."""

    is_at_once = True

    def __init__(self) -> None:
        self.topic = MemoryTopic("frames", partitions=N_PARTITIONS)

    def send(
        self, value: bytes, *, camera: str, partition: int, dated: datetime, at: datetime
    ) -> None:
        headers = {"camera": camera.encode(), "ce_time": dated.isoformat().encode()}
        stamp = round(at.timestamp() * 1000)
        self.topic.append(value, headers=headers, partition=partition, timestamp_ms=stamp)

    def flush(self) -> None:
        """All is there."""


class KafkaFeed:
    """A topic of a broker; the records' time is that of sending."""

    is_at_once = False

    def __init__(self, producer: FrameProducer) -> None:
        self._producer = producer

    def send(
        self, value: bytes, *, camera: str, partition: int, dated: datetime, at: datetime
    ) -> None:
        headers = {"camera": camera, "ce_time": dated.isoformat()}
        self._producer.send(value, headers=headers, event_time=at, partition=partition)

    def flush(self) -> None:
        self._producer.flush()


def reference(cameras: Sequence[str]) -> dict[str, np.ndarray]:
    """Return p-values that are uniform, as the scorer's are for dark pictures."""
    found = {}
    for seed, name in enumerate(cameras):
        rng = np.random.default_rng(seed)
        lots = [windows_of(1 - rng.random(60 * EVENTS), EVENTS) for _ in range(2)]
        found[f"camera={name}"] = np.stack(lots, axis=1)
    return {**found, "*": np.sum(list(found.values()), axis=0)}


class Line:
    """Cameras on one topic; time passes for the agent, the database and the records alike.

    Args:
        store: on the database whose clock is *clock*.
        clock: also the cameras', and the broker's.
        feed: where they send; a topic in memory unless told.
        source: reads it.
        cameras: their names.
        agent_ahead: how far the agent's clock is ahead.
    """

    def __init__(
        self,
        store: Store,
        clock: HandClock,
        *,
        feed: Feed | None = None,
        source: EventSource | None = None,
        cameras: Sequence[str] = "ab",
        agent_ahead: timedelta = timedelta(),
    ) -> None:
        self.store, self.database_clock, self.cameras = store, clock, cameras
        clock.at = NOON
        self.clock = ManualClock(NOON + agent_ahead)
        store.ensure_stream(STREAM, "frames", 60)
        memory = MemoryFeed()
        self.feed: Feed = feed or memory
        self.n_sent = 0
        self.loop = AgentLoop(
            source=source or MemorySource(memory.topic, auto_offset_reset="earliest"),
            dead_letters=MemoryDeadLetters(),
            scorer=BrightnessScorer(),
            store=store,
            clock=self.clock,
            settings=LoopSettings(
                stream=STREAM,
                decode=DecodeSettings(segment_headers=("camera",)),
                max_images=64,
                max_delay_seconds=0.5,
                flush_interval_seconds=5,
                poll_seconds=0.05,
            ),
            stop=threading.Event(),
        )
        self.monitor = Monitor(
            store,
            detector=BrightnessScorer.detector,
            columns=BrightnessScorer.columns,
            reference=reference(cameras),
            settings=MonitorSettings(
                stream=STREAM, window_seconds=60, windows_between_false_alarms=1000.0
            ),
        )

    def run(
        self,
        minutes: int,
        *,
        behind: Mapping[str, timedelta] | None = None,
        unusual: str | None = None,
        sending: Sequence[str] | None = None,
    ) -> None:
        """Send *minutes* of pictures; every other one of camera *unusual* is bright.

        Args:
            minutes: how many.
            behind: how far clocks of cameras are.
            unusual: a camera.
            sending: cameras that send; all unless told.
        """
        for number in range(minutes * EVENTS):
            for place, camera in enumerate(self.cameras):
                if sending is None or camera in sending:
                    is_bright = camera == unusual and number % 2 == 0
                    self._send(camera, place, (behind or {}).get(camera), is_bright=is_bright)
            if self.feed.is_at_once:
                self.loop.turn()
            self.pass_time(60 / EVENTS)
            if number % 15 == 14 or (self.feed.is_at_once and number % 5 == 4):
                self.read()
                self.monitor.turn()

    def _send(self, camera: str, place: int, behind: timedelta | None, *, is_bright: bool) -> None:
        at = self.database_clock.at
        self.feed.send(
            BRIGHT if is_bright else QUIET,
            camera=camera,
            partition=place % N_PARTITIONS,
            dated=at - (behind or timedelta()),
            at=at,
        )
        self.n_sent += 1

    def read(self) -> None:
        """Wait for a broker, which takes its own time."""
        self.feed.flush()
        for _ in range(2_000):
            if self.loop.status().n_counted >= self.n_sent:
                return
            self.loop.turn()
            self.pass_time(0.01 if self.feed.is_at_once else 0.3)  # a batch waits for half a second
        raise AssertionError(f"{self.loop.status().n_counted} of {self.n_sent} were counted")

    def pass_time(self, seconds: float) -> None:
        """Let it pass for all."""
        self.clock.sleep(seconds)
        self.database_clock.advance(seconds)

    def settle(self) -> None:
        """Let the loop count all that was sent, and silence last until all windows are closed."""
        self.read()
        for _ in range(2):
            self.pass_time(121)
            self.loop.turn()

    def alerts(self) -> list[str]:
        """Return the segments of all alerts, newest first."""
        return [alert.segment for alert in self.store.alerts(STREAM)]
