"""Why a segment cannot alert, by what the monitor wrote."""

from __future__ import annotations

from datetime import timedelta

from driftgauge.agent.review.segment_standing import SegmentStanding, segment_standings
from driftgauge.storage import DetectorRecord, Store

from ...stores import HandClock
from ..drift.test_monitor import DETECTOR, SETTINGS, START, STREAM, Traffic, monitor

UNCOVERED = "the detector's reference does not cover it"


def standings(store: Store) -> dict[str, SegmentStanding]:
    return {row.segment: row for row in segment_standings(store, STREAM, SETTINGS)}


def test_a_segment_whose_windows_are_dropped_before_it_is_learnt_says_so(
    store: Store, clock: HandClock
) -> None:
    """An archive, a camera whose clock is far behind, or one that sends too little in that time."""
    traffic = Traffic(store)
    store.register_detector(
        DetectorRecord(DETECTOR, STREAM, "d1", START, status="active", manifest={})
    )
    traffic.quiet(20, 20)
    monitor(store, lacking="camera=2").turn()
    before = standings(store)["camera=2"]
    assert (before.phase, before.why) == ("learning", UNCOVERED)
    clock.at = START + timedelta(days=16)
    monitor(store, lacking="camera=2").turn()
    while store.upkeep.roll_up_some():
        pass
    keep = {"window": timedelta(days=14), "hour": None, "day": None}
    assert sum(store.upkeep.retain(STREAM, keep)) > 0
    after = standings(store)
    assert after["camera=2"].why == (
        f"{UNCOVERED}; it is learnt from 2026-03-01 on, and windows before 2026-03-03 are dropped "
        "(store.keep_windows_days), so that there may never be enough: raise that, or fit a detector on its "
        "images, with driftgauge fit"
    )
    assert "dropped" not in after["camera=1"].why
