"""Roll-up and retention leave most of the time to those who wait to write."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from driftgauge.agent.clock import ManualClock
from driftgauge.agent.jobs.history import LEASE_SECONDS, _beside_others


def steps(clock: ManualClock, seconds: float, n: int) -> Iterator[int]:
    for _ in range(n):
        clock.sleep(seconds)
        yield 1


def test_four_fifths_of_the_time_are_left_to_flushes() -> None:
    clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
    assert sum(_beside_others(steps(clock, 0.5, 20), clock)) == 20
    assert clock.monotonic() == 20 * 0.5 * 5


def test_it_ends_well_before_its_lease_and_is_resumed_in_the_next_turn() -> None:
    clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
    left = steps(clock, 2.0, 1000)
    first = sum(_beside_others(left, clock))
    assert clock.monotonic() < 0.6 * LEASE_SECONDS
    assert first + sum(1 for _ in left) == 1000
