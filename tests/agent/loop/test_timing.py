from __future__ import annotations

import contextlib

from driftgauge.agent.clock import ManualClock
from driftgauge.agent.loop.timing import Backoff, StageTimer
from driftgauge.agent.process.watchdog import Watchdog

from ..records import NOON


def test_stages_add_up_even_when_they_fail() -> None:
    clock = ManualClock(NOON)
    timer = StageTimer(clock)
    with timer.stage("flush"):
        clock.sleep(2)
    with contextlib.suppress(KeyError), timer.stage("flush"):
        clock.sleep(1)
        raise KeyError
    assert timer.seconds() == {"flush": 3}


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


def test_a_watchdog_ends_a_process_whose_loop_is_silent() -> None:
    clock, ended = ManualClock(NOON), []
    watchdog = Watchdog(lambda: 0.0, clock, max_silence_seconds=60, end=lambda: ended.append(1))
    clock.sleep(60)
    assert not watchdog.look()
    clock.sleep(1)
    assert watchdog.look()
    assert ended == [1]


def test_a_watchdog_stops_looking_when_told() -> None:
    watchdog = Watchdog(lambda: 0.0, ManualClock(NOON))
    watchdog.start()
    watchdog.stop()
    assert not watchdog._thread.is_alive()
