"""Shares of time are of one kind of thread each: what runs beside each other is never added up."""

from __future__ import annotations

from driftgauge.agent.loop.stages import STAGES, describe_time
from driftgauge.agent.loop.status import LoopStatus

from .test_loop import Rig, finish, rig

__all__ = ["rig"]


def test_threads_that_are_busy_all_the_time_have_a_hundred_per_cent_each() -> None:
    status = LoopStatus(
        started_at=50.0,
        turned_at=150.0,
        flushed_at=0.0,
        decode_threads=4,
        stage_seconds={"poll": 100.0, "score": 100.0, "score.forward": 75.0, "decode": 400.0},
    )
    assert describe_time(status) == (
        "in 100 s; loop thread: poll 100 %; scoring thread: score 100 %, score.forward 75 %; "
        "4 decoding threads: decode 100 %"
    )


def test_a_loop_that_was_never_turned_has_no_shares() -> None:
    status = LoopStatus(started_at=50.0, turned_at=50.0, flushed_at=50.0)
    assert describe_time(status) == "no time has passed"


def test_every_stage_of_the_loop_has_its_thread(rig: Rig) -> None:
    rig.send(10)
    loop = rig.loop()
    finish(rig, loop)
    assert set(loop.status().stage_seconds) <= set(STAGES)
