from __future__ import annotations

from driftgauge.agent.clock import ManualClock
from driftgauge.agent.process.watchdog import Watchdog

from ..records import NOON


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
