"""The lag is asked for now and then, and an old answer is told apart from a new one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from driftgauge.agent.clock import ManualClock
from driftgauge.agent.errors import SourceUnavailable
from driftgauge.agent.loop.lag import Lag, PartitionLag
from driftgauge.agent.loop.positions import Position
from driftgauge.agent.ports import Partition
from driftgauge.agent.stream.in_memory import MemorySource, MemoryTopic

from ..records import NOON

ZERO: Partition = ("frames", 0)
NOON_MS = round(NOON.timestamp() * 1000)


class Asked(MemorySource):
    """Counts the questions, and answers none while it is silent."""

    questions = 0
    is_silent = False

    def ends(self, timeout_seconds: float) -> dict[Partition, int]:
        self.questions += 1
        if self.is_silent:
            raise SourceUnavailable("no answer")
        return super().ends(timeout_seconds)


@pytest.fixture
def topic() -> MemoryTopic:
    topic = MemoryTopic("frames")
    for _ in range(7):
        topic.append(b"x")
    return topic


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON + timedelta(seconds=30))


def test_the_lag_is_what_is_not_counted_yet(topic: MemoryTopic, clock: ManualClock) -> None:
    lag = Lag(MemorySource(topic), clock, interval_seconds=10)
    lag.look({ZERO: Position(3, NOON_MS)})
    (found,) = lag.reading.partitions.values()
    assert found == PartitionLag(4, NOON_MS)
    assert found.seconds(clock.now().timestamp()) == 30


def test_a_quiet_topic_that_is_counted_to_its_end_is_not_behind(
    topic: MemoryTopic, clock: ManualClock
) -> None:
    lag = Lag(MemorySource(topic), clock, interval_seconds=10)
    lag.look({ZERO: Position(7, NOON_MS)})
    assert lag.reading.partitions[ZERO].seconds(clock.now().timestamp()) == 0


@pytest.mark.parametrize("position", [Position(None), Position(9, NOON_MS)])
def test_the_lag_is_never_negative_nor_guessed(
    topic: MemoryTopic, clock: ManualClock, position: Position
) -> None:
    lag = Lag(MemorySource(topic), clock, interval_seconds=10)
    lag.look({ZERO: position})
    assert lag.reading.partitions[ZERO].messages == 0


def test_the_broker_is_asked_once_an_interval(topic: MemoryTopic, clock: ManualClock) -> None:
    source = Asked(topic)
    lag = Lag(source, clock, interval_seconds=10)
    lag.look({})
    for _ in range(100):
        lag.look({ZERO: Position(0)})
        clock.sleep(0.3)
    assert source.questions == 3


def test_without_an_answer_the_old_one_stays_and_grows_old(
    topic: MemoryTopic, clock: ManualClock
) -> None:
    source = Asked(topic)
    lag = Lag(source, clock, interval_seconds=10)
    lag.look({ZERO: Position(0)})
    before = lag.reading
    source.is_silent = True
    clock.sleep(11)
    lag.look({ZERO: Position(5)})
    assert source.questions == 2
    assert lag.reading is before
    lag.look({ZERO: Position(5), ("frames", 1): Position(5)})  # other partitions
    assert lag.reading.at is None
