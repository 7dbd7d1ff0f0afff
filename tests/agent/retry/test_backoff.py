from __future__ import annotations

from driftgauge.agent.clock import ManualClock
from driftgauge.agent.retry.backoff import Backoff

from ..records import NOON


def test_a_back_off_doubles_up_to_its_bound_and_ends_with_success() -> None:
    clock = ManualClock(NOON)
    backoff = Backoff(clock, first_seconds=1, max_seconds=5, chance=lambda: 0.0)
    assert states(backoff) == [False, False]
    assert [backoff.fail() for _ in range(4)] == [1, 2, 4, 5]
    assert states(backoff) == [True, True]
    clock.sleep(5)
    assert states(backoff) == [True, False]
    backoff.succeed()
    assert states(backoff) == [False, False]


def test_chance_spreads_delays_between_half_and_all() -> None:
    clock = ManualClock(NOON)
    first = {Backoff(clock, first_seconds=8).fail() for _ in range(50)}
    assert len(first) > 10
    assert 4 <= min(first) <= max(first) <= 8


def states(backoff: Backoff) -> list[bool]:
    return [backoff.is_failing, backoff.is_waiting]
