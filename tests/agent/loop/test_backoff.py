from __future__ import annotations

from driftgauge.agent.clock import ManualClock
from driftgauge.agent.loop.backoff import Backoff

from ..records import NOON


def test_a_back_off_doubles_up_to_its_bound_and_ends_with_success() -> None:
    clock = ManualClock(NOON)
    backoff = Backoff(clock, first_seconds=1, max_seconds=5)
    assert states(backoff) == [False, False]
    assert [backoff.fail() for _ in range(4)] == [1, 2, 4, 5]
    assert states(backoff) == [True, True]
    clock.sleep(5)
    assert states(backoff) == [True, False]
    backoff.succeed()
    assert states(backoff) == [False, False]


def states(backoff: Backoff) -> list[bool]:
    return [backoff.is_failing, backoff.is_waiting]
