"""Is it working? On both databases, by what agents told and what was judged."""

from __future__ import annotations

from datetime import timedelta

import pytest

from driftgauge.agent.review.segment_standing import segment_standings
from driftgauge.agent.review.standing import stream_standing
from driftgauge.storage import (
    DetectorRecord,
    HeartbeatRecord,
    Judgement,
    MonitorState,
    SegmentAdvance,
    Store,
)

from ...stores import DETECTOR, START, STREAM, HandClock, advance, flush, window

MINUTE = timedelta(minutes=1)


def standing(store: Store) -> tuple[str, str]:
    (stream,) = store.streams()
    found = stream_standing(store, stream)
    return found.answer, found.why


def tell(store: Store, condition: str = "running", *, agent: str = "a") -> None:
    store.heartbeat(
        HeartbeatRecord(agent=agent, stream=STREAM, host="edge-7", version="1", condition=condition)
    )


def test_without_an_agent_it_does_not_run(store: Store) -> None:
    assert standing(store) == ("not running", "no agent runs: driftgauge run")


def test_an_agent_that_was_killed_is_told_as_gone_after_a_minute(
    store: Store, clock: HandClock
) -> None:
    tell(store)
    clock.advance(59)
    assert standing(store) == ("working", "")
    clock.advance(2)
    answer, why = standing(store)
    assert answer == "not running"
    assert why.startswith(
        "the last heartbeat of the agent on edge-7 was 61 s ago, and it did not shut down"
    )


def test_an_agent_that_left_as_it_should_is_not_missed(store: Store) -> None:
    tell(store)
    store.leave("a")
    assert standing(store)[1] == "no agent runs: driftgauge run"


@pytest.mark.parametrize("condition", ["waiting for the broker", "stuck for 90 s"])
def test_an_agent_that_is_held_up_is_not_taken_for_one_that_works(
    store: Store, condition: str
) -> None:
    tell(store, condition)
    assert standing(store) == ("held up", f"the agent on edge-7 is {condition}")


def test_a_standby_beside_one_that_runs_is_fine(store: Store) -> None:
    tell(store, "waiting for partitions")
    tell(store, "running", agent="b")
    assert standing(store) == ("working", "")


def test_windows_that_nobody_judges_are_told(store: Store, clock: HandClock) -> None:
    """By the database's clock: a camera whose events are dated years ahead does not matter."""
    store.register_detector(
        DetectorRecord(DETECTOR, STREAM, "file:d", START, status="active", manifest={})
    )
    ahead = [SegmentAdvance("*", START.replace(year=2099))]
    store.flush(flush(advance(None, 1), windows=[window({17: 1})], segments=ahead))
    clock.advance(600)
    tell(store)
    assert standing(store)[0] == "working"
    clock.advance(1)
    assert standing(store) == (
        "not judging",
        "images that were counted have waited 601 s to be judged",
    )
    taken = store.claim_windows(
        STREAM, DETECTOR, window_seconds=60, idle_seconds=60, grace_seconds=0
    )
    store.judge(Judgement(STREAM, None, MonitorState(START, ""), claim=taken))
    assert standing(store)[0] == "working"


def test_a_segment_tells_how_far_it_is_judged_and_how_wrong_its_clock_is(store: Store) -> None:
    detector = DetectorRecord(DETECTOR, STREAM, "file:d", START, status="active", manifest={})
    store.register_detector(detector)
    advances = [SegmentAdvance("*", START + 5 * MINUTE, -7200.0)]
    store.flush(flush(advance(None, 1), windows=[window({17: 1})], segments=advances))
    taken = store.claim_windows(
        STREAM, DETECTOR, window_seconds=60, idle_seconds=60, grace_seconds=0
    )
    store.judge(Judgement(STREAM, None, MonitorState(START, ""), claim=taken))
    (row,) = segment_standings(store, STREAM, None)
    assert row.clock_offset_seconds == -7200.0
    assert row.judged_until == START + 4 * MINUTE
