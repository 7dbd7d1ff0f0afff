"""What the loop tells adds up to what became of every record, and says what is so now."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import timedelta

import pytest

from driftgauge.agent.clock import ManualClock
from driftgauge.agent.errors import SourceUnavailable
from driftgauge.agent.events.decode import DecodeSettings
from driftgauge.agent.loop.activity import Activity, BatchScored, FlushEnded
from driftgauge.agent.ports import Polled
from driftgauge.agent.stream.in_memory import MemorySource
from driftgauge.agent.telemetry import Health

from ..records import NOON, jpeg
from .test_loop import SETTINGS, Rig, finish, rig

__all__ = ["rig"]


def test_every_record_is_told_once(rig: Rig) -> None:
    rig.send(10)
    for value in (b"", b"text", jpeg()[:100]):
        rig.topic.append(value)
    heard: list[BatchScored | FlushEnded] = []
    loop = rig.loop(listener=heard.append)
    finish(rig, loop)
    status = loop.status()
    assert status.n_consumed == 13
    assert status.n_scored == status.n_counted == 10
    assert status.dead_letters == {"EventSchemaError": 1, "EventDecodeError": 2}
    assert status.last_dead_letter.startswith("frames/0@12: ")
    assert status.n_dropped == 0
    batches = [len(one.scored.scores) for one in heard if isinstance(one, BatchScored)]
    assert len(batches) >= 3
    assert sum(batches) == 10
    flushes = [one.outcome for one in heard if isinstance(one, FlushEnded)]
    assert {outcome: flushes.count(outcome) for outcome in set(flushes)} == status.flushes


def test_what_another_agent_was_quicker_with_is_told_as_dropped(rig: Rig) -> None:
    rig.send(6)
    ours = rig.loop()
    rig.turn(ours, 4)
    finish(rig, rig.loop(source=MemorySource(rig.topic, auto_offset_reset="earliest")))
    status = ours.run()
    assert status.flushes["stale"] == 1
    assert status.n_scored == status.n_dropped == 6
    assert status.n_counted == 0


def test_a_stage_is_timed_even_when_it_fails() -> None:
    clock = ManualClock(NOON)
    activity = Activity(clock, decode_threads=2)
    with activity.stage("count"):
        clock.sleep(2)
    with contextlib.suppress(KeyError), activity.stage("count"):
        clock.sleep(1)
        raise KeyError
    activity.flushed("failed", 4.0)
    status = activity.publish(
        turned_at=0.0,
        partitions=frozenset(),
        is_paused=False,
        detector="d",
        n_layers=2,
        unavailable={},
        n_waiting=0,
        lag=activity.status.lag,
        n_other=0,
        n_kept=0,
        n_keep_lost=0,
        missing_segments=(),
        n_wrong_clocks=0,
        worst_clock_seconds=0.0,
    )
    assert status.stage_seconds == {"count": 3, "flush": 4}
    assert status.flushed_at == status.started_at  # it failed


def test_a_status_that_was_read_stays_as_it_was(rig: Rig) -> None:
    rig.send(6)
    loop = rig.loop()
    rig.turn(loop, 4)
    before = loop.status()
    copy = replace(before)
    rig.topic.append(b"text")
    rig.turn(loop, 20)
    assert before == copy
    assert loop.status() != before


def test_the_status_follows_the_loop(rig: Rig) -> None:
    rig.send(6)
    loop = rig.loop(replace(SETTINGS, lag_interval_seconds=0.1))
    assert loop.status().partitions == frozenset()
    rig.turn(loop, 2)
    status = loop.status()
    assert status.partitions == rig.topic.partitions
    assert status.lag.partitions["frames", 0].messages == 6 - 4
    assert status.n_waiting == 2
    assert status.stage_seconds
    rig.turn(loop, 4)
    assert loop.status().lag.partitions["frames", 0].messages == 0
    assert not loop.status().unavailable


def test_a_database_that_does_not_answer_is_named_and_partitions_are_paused(rig: Rig) -> None:
    rig.send(6)
    loop = rig.loop()
    health = Health(loop.status, rig.clock)
    assert not health.is_ready().holds
    rig.turn(loop, 4)
    assert health.is_ready().holds
    rig.flaky.fail_before = 99
    rig.turn(loop, 20)
    assert set(loop.status().unavailable) == {"database"}
    assert loop.status().is_paused
    assert health.is_alive().holds
    assert not health.is_ready().holds
    rig.flaky.fail_before = 0
    rig.clock.sleep(60)
    rig.turn(loop, 2)
    assert not loop.status().unavailable
    assert not loop.status().is_paused
    assert health.is_ready().holds


def test_a_loop_that_hangs_is_not_healthy(rig: Rig) -> None:
    loop = rig.loop()
    health = Health(loop.status, rig.clock)
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
    assert loop.status().n_other == max(0, n_cameras - 3)
    assert loop.status().n_skewed == 1


def test_an_idle_stream_tells_a_database_that_went_away_and_one_that_is_back(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    rig.send(3)
    loop = rig.loop()
    health = Health(loop.status, rig.clock)
    rig.turn(loop, 30)
    assert health.is_ready().holds
    rig.flaky.fail_before = 99
    rig.turn(loop, 20)  # nothing arrives in these six seconds, and nothing is to be written
    assert health.is_ready().checks["database"] is False
    rig.flaky.fail_before = 0
    rig.clock.sleep(60)
    rig.turn(loop, 2)
    assert health.is_ready().holds
    (told,) = (line for line in caplog.messages if "answers again" in line)
    assert told.startswith("the database answers again after 6")


def test_a_broker_that_is_back_is_told_with_how_long_it_was_away(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    class Gone(MemorySource):
        is_gone = False

        def poll(self, timeout_seconds: float) -> Polled:
            if self.is_gone:
                raise SourceUnavailable("nobody answers")
            return super().poll(timeout_seconds)

    source = Gone(rig.topic, auto_offset_reset="earliest")
    loop = rig.loop(source=source)
    rig.turn(loop, 4)
    source.is_gone = True
    rig.turn(loop, 20)
    assert loop.status().unavailable["broker"].reason == "nobody answers"
    tries = [line for line in caplog.messages if line.startswith("nobody answers; retrying in")]
    assert 2 <= len(tries) <= 5  # with back-off, not every turn
    source.is_gone = False
    rig.clock.sleep(30)
    rig.turn(loop, 2)
    assert not loop.status().unavailable
    assert any(line.startswith("the broker answers again after 3") for line in caplog.messages)


def test_one_dependency_that_is_back_does_not_hide_another_that_is_not(rig: Rig) -> None:
    rig.topic.append(b"text")
    rig.letters.fail_next(99)
    loop = rig.loop()
    rig.turn(loop, 20)
    assert set(loop.status().unavailable) == {"dead_letters"}
    rig.clock.sleep(60)
    rig.turn(loop, 1)
    assert set(loop.status().unavailable) == {"dead_letters"}


def test_which_segments_count_does_not_depend_on_a_restart(rig: Rig) -> None:
    settings = replace(SETTINGS, max_segments=3)
    for camera in "0123":
        rig.send(1, camera=camera)
    finish(rig, rig.loop(settings))
    before = rig.counts
    rig.stop.clear()
    rig.source = MemorySource(rig.topic, auto_offset_reset="earliest")
    for camera in "9801":  # in another order, and two that are new
        rig.send(1, camera=camera)
    finish(rig, rig.loop(settings))
    assert set(rig.counts) == set(before) == {
        "*", "camera=0", "camera=1", "camera=2", "camera=~other",
    }  # fmt: skip
    assert (rig.counts["camera=0"], rig.counts["camera=~other"]) == (2, 3)


def test_a_misspelt_segment_is_in_the_status(rig: Rig) -> None:
    rig.send(120)
    decode = DecodeSettings(segment_headers=("camera", "camrea"))
    loop = rig.loop(replace(SETTINGS, decode=decode))
    finish(rig, loop)
    assert loop.status().missing_segments == ("camrea",)


class Silent(MemorySource):
    """Polls as on an idle topic, as the client does, while the broker does not answer."""

    is_silent = False

    def ends(self, timeout_seconds: float) -> dict[tuple[str, int], int]:
        if self.is_silent:
            raise SourceUnavailable("no answer in 2 s")
        return super().ends(timeout_seconds)


def test_a_broker_that_is_away_is_no_idle_topic(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    source = Silent(rig.topic, auto_offset_reset="earliest")
    loop = rig.loop(source=source)
    health = Health(loop.status, rig.clock)
    rig.turn(loop, 4)
    source.is_silent = True
    rig.turn(loop, 60)
    assert health.is_ready().checks["broker"] is False
    assert not loop.status().is_paused  # else nobody would notice that it is back
    source.is_silent = False
    rig.send(2)
    rig.turn(loop, 20)
    assert health.is_ready().holds
    assert loop.status().n_counted == 2
    told = [line for line in caplog.messages if line.startswith("the broker")]
    assert told[0] == "the broker does not answer; waiting for it: no answer in 2 s"
    assert told[1].startswith("the broker answers again after")
    assert len(told) == 2


def test_one_question_without_an_answer_is_a_busy_broker(rig: Rig) -> None:
    source = Silent(rig.topic, auto_offset_reset="earliest")
    loop = rig.loop(replace(SETTINGS, lag_interval_seconds=1.0), source=source)
    rig.turn(loop, 4)
    source.is_silent = True
    rig.turn(loop, 4)
    source.is_silent = False
    assert not loop.status().unavailable
    rig.turn(loop, 20)
    assert not loop.status().unavailable
