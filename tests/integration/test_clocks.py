"""From a record to an alert, through the real loop, store and monitor, while a camera's clock is wrong."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from datetime import timedelta

import numpy as np
import pytest

from driftgauge.agent.clock import ManualClock
from driftgauge.agent.drift.monitor import Monitor
from driftgauge.agent.drift.monitor_settings import MonitorSettings
from driftgauge.agent.events.decode import DecodeSettings
from driftgauge.agent.loop.loop import AgentLoop
from driftgauge.agent.loop.loop_settings import LoopSettings
from driftgauge.agent.stream.in_memory import MemoryDeadLetters, MemorySource, MemoryTopic
from driftgauge.storage import Store

from ..agent.drift.streams import windows_of
from ..agent.records import NOON, jpeg
from ..agent.scorer import BrightnessScorer
from ..stores import HandClock

STREAM = "line"
EVENTS = 30
"""A camera's in a minute."""
QUIET, BRIGHT = jpeg(60), jpeg(220)
YEARS = timedelta(days=round(56 * 365.25))


def reference() -> dict[str, np.ndarray]:
    """Return p-values that are uniform, as the scorer's are for dark pictures."""
    found = {}
    for seed, name in enumerate(("camera=a", "camera=b")):
        rng = np.random.default_rng(seed)
        lots = [windows_of(1 - rng.random(60 * EVENTS), EVENTS) for _ in range(2)]
        found[name] = np.stack(lots, axis=1)
    return {**found, "*": found["camera=a"] + found["camera=b"]}


class Line:
    """Two cameras on one topic; time passes for the agent, the database and the records alike."""

    def __init__(self, store: Store, clock: HandClock) -> None:
        self.store, self.database_clock = store, clock
        self.clock, clock.at = ManualClock(NOON), NOON
        store.ensure_stream(STREAM, "frames", 60)
        self.topic = MemoryTopic("frames", partitions=2)
        self.loop = AgentLoop(
            source=MemorySource(self.topic, auto_offset_reset="earliest"),
            dead_letters=MemoryDeadLetters(),
            scorer=BrightnessScorer(),
            store=store,
            clock=self.clock,
            settings=LoopSettings(
                stream=STREAM,
                decode=DecodeSettings(segment_headers=("camera",)),
                max_images=64,
                max_delay_seconds=0.5,
                flush_interval_seconds=5,
            ),
            stop=threading.Event(),
        )
        self.monitor = Monitor(
            store,
            detector=BrightnessScorer.detector,
            columns=BrightnessScorer.columns,
            reference=reference(),
            settings=MonitorSettings(
                stream=STREAM, window_seconds=60, windows_between_false_alarms=1000.0
            ),
        )

    def run(
        self, minutes: int, *, behind: Mapping[str, timedelta], unusual: str | None = None
    ) -> None:
        """Send *minutes* of pictures; every other one of camera *unusual* is bright."""
        for number in range(minutes * EVENTS):
            for partition, camera in enumerate("ab"):
                is_bright = camera == unusual and number % 2 == 0
                dated = self.clock.now() - behind.get(camera, timedelta())
                self.topic.append(
                    BRIGHT if is_bright else QUIET,
                    headers={"camera": camera.encode(), "ce_time": dated.isoformat().encode()},
                    partition=partition,
                    timestamp_ms=round(self.clock.now().timestamp() * 1000),
                )
            self.loop.turn()
            self.pass_time(60 / EVENTS)
            if number % 5 == 4:
                self.monitor.turn()

    def pass_time(self, seconds: float) -> None:
        self.clock.sleep(seconds)
        self.database_clock.advance(seconds)

    def settle(self) -> None:
        """Let the loop count all that was sent, and silence last until all windows are closed."""
        sent = sum(self.topic.end(partition) for partition in (0, 1))
        while self.loop.status().n_counted < sent:
            self.loop.turn()
            self.pass_time(1)
        for _ in range(2):
            self.pass_time(121)
            self.loop.turn()

    def alerts(self) -> list[str]:
        return [alert.segment for alert in self.store.alerts(STREAM)]


@pytest.mark.parametrize("faulty", ["a", "b"])
def test_a_camera_that_restarts_in_1970_hides_no_fault_and_is_told(
    store: Store, clock: HandClock, faulty: str, caplog: pytest.LogCaptureFixture
) -> None:
    line = Line(store, clock)
    line.run(8, behind={})
    line.run(6, behind={"b": YEARS})
    assert line.alerts() == []
    began = line.clock.now()
    line.run(6, behind={"b": YEARS}, unusual=faulty)
    assert line.alerts() == [f"camera={faulty}"]
    (alert,) = store.alerts(STREAM)
    assert began <= alert.opened_at <= began + timedelta(minutes=6)
    told = [r for r in caplog.records if getattr(r, "action", "") == "clock_wrong"]
    assert [r.getMessage().partition(":")[0] for r in told] == [
        "the clock of camera=b is 56 years behind"
    ]
    assert told[0].levelno == logging.WARNING
    status = line.loop.status()
    assert (status.n_wrong_clocks, round(status.worst_clock_seconds)) == (
        1,
        -round(YEARS.total_seconds()),
    )
    offsets = {
        row.segment: row.clock_offset_seconds
        for row in store.segment_progress(STREAM, BrightnessScorer.detector)
    }
    assert offsets["camera=a"] == pytest.approx(0, abs=0.01)
    assert offsets["camera=b"] == pytest.approx(-YEARS.total_seconds(), abs=0.01)
    line.run(1, behind={})
    assert line.loop.status().n_wrong_clocks == 0


def test_every_image_is_judged_once_whatever_its_date(store: Store, clock: HandClock) -> None:
    line = Line(store, clock)
    for behind in (timedelta(), timedelta(hours=5), YEARS, -timedelta(minutes=4), timedelta()):
        line.run(3, behind={"b": behind})
    line.settle()
    line.monitor.turn()
    progress = store.segment_progress(STREAM, BrightnessScorer.detector)
    assert {row.segment for row in progress} == {"*", "camera=a", "camera=b"}
    assert all(row.judged_until == row.claimed_until for row in progress)
    newest = {row.segment: row.event_time_max for row in progress}
    for row in progress:
        assert row.judged_until is not None
        assert row.judged_until + timedelta(minutes=1) > newest[row.segment]
    again = store.claim_windows(
        STREAM, BrightnessScorer.detector, window_seconds=60, idle_seconds=60, grace_seconds=10
    )
    assert (len(again.windows), again.late) == (0, [])
