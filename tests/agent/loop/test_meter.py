"""What the loop tells a meter adds up to what became of every record."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from driftgauge.agent.loop.meter import FlushOutcome, Meter
from driftgauge.agent.ports import Scored
from driftgauge.agent.stream.in_memory import MemorySource
from driftgauge.agent.telemetry import Health

from ..records import NOON, jpeg
from .test_loop import SETTINGS, Rig, finish, rig

__all__ = ["rig"]


class Heard(Meter):
    """Adds up what it is told."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def consumed(self, n_records: int) -> None:
        self.counts["consumed"] += n_records

    def sampled_out(self, n_records: int) -> None:
        self.counts["sampled out"] += n_records

    def dead_lettered(self, error: str) -> None:
        self.counts[error] += 1

    def scored(self, scored: Scored) -> None:
        self.counts["scored"] += len(scored.scores)
        self.counts["batches"] += 1

    def dropped(self, n_events: int) -> None:
        self.counts["dropped"] += n_events

    def flushed(self, outcome: FlushOutcome, seconds: float) -> None:
        self.counts[outcome] += 1


def test_every_record_is_told_once(rig: Rig) -> None:
    rig.send(10)
    for value in (b"", b"text", jpeg()[:100]):
        rig.topic.append(value)
    heard = Heard()
    loop = rig.loop(meter=heard)
    finish(rig, loop)
    assert heard.counts["consumed"] == 13
    assert heard.counts["scored"] == loop.totals.events == 10
    assert heard.counts["batches"] >= 3
    assert (heard.counts["EventSchemaError"], heard.counts["EventDecodeError"]) == (1, 2)
    assert heard.counts["written"] == loop.totals.flushes
    assert heard.counts["dropped"] == 0


def test_what_another_agent_was_quicker_with_is_told_as_dropped(rig: Rig) -> None:
    rig.send(6)
    heard = Heard()
    ours = rig.loop(meter=heard)
    rig.turn(ours, 4)
    finish(rig, rig.loop(source=MemorySource(rig.topic, auto_offset_reset="earliest")))
    ours.run()
    assert heard.counts["stale"] == 1
    assert heard.counts["scored"] == heard.counts["dropped"] == 6


def test_the_condition_follows_the_loop(rig: Rig) -> None:
    rig.send(6)
    loop = rig.loop(replace(SETTINGS, lag_interval_seconds=0.1))
    assert loop.condition().partitions == frozenset()
    rig.turn(loop, 2)
    condition = loop.condition()
    assert condition.partitions == rig.topic.partitions
    assert condition.lag.partitions["frames", 0].messages == 6 - 4
    assert condition.n_waiting == 2
    assert condition.stage_seconds
    rig.turn(loop, 4)
    assert loop.condition().lag.partitions["frames", 0].messages == 0
    assert loop.condition().absent is None


def test_an_absent_database_is_named_and_partitions_are_paused(rig: Rig) -> None:
    rig.send(6)
    loop = rig.loop()
    health = Health(loop.condition, rig.clock, detector="brightness-1")
    assert not health.is_ready().holds
    rig.turn(loop, 4)
    assert health.is_ready().holds
    rig.flaky.fail_before = 99
    rig.turn(loop, 20)
    assert loop.condition().absent == "database"
    assert loop.condition().is_paused
    assert health.is_alive().holds
    assert not health.is_ready().holds
    rig.flaky.fail_before = 0
    rig.clock.sleep(60)
    rig.turn(loop, 2)
    assert loop.condition().absent is None
    assert not loop.condition().is_paused
    assert health.is_ready().holds


def test_a_loop_that_hangs_is_not_healthy(rig: Rig) -> None:
    loop = rig.loop()
    health = Health(loop.condition, rig.clock, detector="brightness-1")
    rig.turn(loop, 4)
    assert health.is_alive().holds
    rig.clock.sleep(200)  # nobody turns it
    assert not health.is_alive().holds
    rig.turn(loop)
    assert health.is_alive().holds


@pytest.mark.parametrize("n_cameras", [2, 7])
def test_values_beyond_the_bound_and_events_from_the_future_are_told(
    rig: Rig, n_cameras: int
) -> None:
    for number in range(n_cameras):
        rig.send(1, camera=str(number))
    ahead = (NOON + timedelta(days=365)).isoformat().encode()
    rig.topic.append(jpeg(), headers={"ce_time": ahead})
    loop = rig.loop(replace(SETTINGS, max_segments=3))
    finish(rig, loop)
    assert loop.condition().n_bounded == max(0, n_cameras - 3)
    assert loop.condition().n_skewed == 1
