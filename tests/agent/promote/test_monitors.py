"""What a replaced detector counted last is judged by its own monitor, and then no more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from driftgauge.agent.drift.monitor import Monitor
from driftgauge.agent.promote.monitors import LEFT_SECONDS, Monitors
from driftgauge.agent.settings.load import load_settings
from driftgauge.agent.wiring.monitor import monitor_settings
from driftgauge.detector import ArtifactCorrupt
from driftgauge.storage import CountsBeside, DetectorRecord, Store, shadow_name

from ...stores import DETECTOR, START, STREAM, HandClock, advance, flush, window

SETTINGS = f"""
[stream]
name = "{STREAM}"
topic = "frames"
[model]
factory = "a:b"
[windows]
seconds = 60
"""


@pytest.fixture
def monitors(store: Store, tmp_path: Path) -> Monitors:
    (tmp_path / "driftgauge.toml").write_text(SETTINGS)
    settings = monitor_settings(load_settings(tmp_path / "driftgauge.toml"))
    for name, status in ((DETECTOR, "active"), ("d2", "candidate"), ("broken", "candidate")):
        record = DetectorRecord(name, STREAM, f"file:{name}", START, status, {})  # type: ignore[arg-type]  # one of them
        store.register_detector(record)

    def build(record: DetectorRecord, *, is_shadow: bool) -> Monitor:
        if record.detector == "broken":
            raise ArtifactCorrupt
        name = shadow_name(record.detector) if is_shadow else record.detector
        return Monitor(
            store,
            detector=name,
            columns=("*",),
            reference={},
            settings=settings,
            is_silent=is_shadow,
        )

    return Monitors(store, STREAM, build)


def names(monitors: Monitors, current: str) -> list[str]:
    return [monitor.detector for monitor in monitors.due(current)]


def test_the_last_counts_of_the_one_before_are_judged_and_then_it_is_let_go(
    store: Store, monitors: Monitors, clock: HandClock
) -> None:
    store.flush(flush(advance(None, 100), windows=[window({17: 100})]))
    assert names(monitors, DETECTOR) == [DETECTOR]
    store.versions.promote(STREAM, "d2", by="ann")
    assert names(monitors, "d2") == ["d2", DETECTOR]
    clock.advance(600)  # nothing more comes, so that the window closes
    for monitor in monitors.due("d2"):
        monitor.turn()
    assert names(monitors, "d2") == ["d2"]
    assert store.monitor_state(STREAM, DETECTOR) is not None


def test_what_was_left_long_ago_is_left(store: Store, monitors: Monitors, clock: HandClock) -> None:
    store.flush(flush(advance(None, 100), windows=[window({17: 100})]))
    clock.advance(LEFT_SECONDS + 1)
    assert names(monitors, "d2") == ["d2"]


def test_what_cannot_be_read_is_told_once_and_stops_nobody(
    store: Store, monitors: Monitors, caplog: pytest.LogCaptureFixture
) -> None:
    left = flush(advance(None, 9), windows=[window({17: 9})])
    store.flush(replace(left, detector="broken"))
    assert [names(monitors, DETECTOR) for _ in range(2)] == [[DETECTOR], [DETECTOR]]
    said = [one for one in caplog.records if getattr(one, "action", "") == "windows_left_unjudged"]
    assert len(said) == 1


def test_a_shadow_is_judged_by_a_monitor_that_raises_no_alert(
    store: Store, monitors: Monitors, clock: HandClock
) -> None:
    store.versions.shadow(STREAM, "d2", by="gate")
    assert names(monitors, DETECTOR) == [DETECTOR, "shadow~d2"]
    beside = [CountsBeside("shadow~d2", [window({0: 60})])]
    both = replace(flush(advance(None, 100), windows=[window({17: 60})]), beside=beside)
    store.flush(both)
    clock.advance(600)
    for monitor in monitors.due(DETECTOR):
        monitor.turn()
    assert store.monitor_state(STREAM, "shadow~d2") is not None
    assert store.alerts(STREAM) == []
    store.versions.promote(STREAM, "d2", by="ann")
    assert names(monitors, "d2") == ["d2"]
