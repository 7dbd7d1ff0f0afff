"""When a flush is due, and when what waits must be scored for it."""

from __future__ import annotations

import pytest

from driftgauge.agent.loop.flush_time import FlushTime


def test_what_waits_is_handed_over_two_batches_before_a_flush() -> None:
    time = FlushTime(interval_seconds=5)
    time.took(0.2)
    assert [time.is_near(since_flush=at) for at in (4.5, 4.7)] == [False, True]
    assert not time.is_due(since_flush=4.9)
    assert time.is_due(since_flush=5)


def test_a_slow_model_fills_its_batches_for_three_quarters_of_the_interval() -> None:
    time = FlushTime(interval_seconds=4)
    for _ in range(50):
        time.took(30)
    assert not time.is_near(since_flush=2.9)
    assert time.is_near(since_flush=3.1)


@pytest.mark.parametrize("since", [0.0, 4.0, 4.7, 4.99, 5.0, 9.0])
def test_polling_hardly_lasts_beyond_a_flush_and_never_spins(since: float) -> None:
    time = FlushTime(interval_seconds=5)
    time.took(0.2)
    assert 0.05 <= time.poll_seconds(since_flush=since) <= max(0.05, 5 - since)
