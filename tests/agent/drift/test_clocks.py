"""Whatever the clocks do, every count is judged, and no clock holds, hurries or blinds another's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from driftgauge.agent.drift.monitor import Monitor
from driftgauge.agent.drift.monitor_settings import MonitorSettings
from driftgauge.agent.drift.packing import unpack
from driftgauge.storage import FlushRecord, OffsetAdvance, SegmentAdvance, Store, WindowRecord

from ...stores import HandClock
from .streams import normal_scores, pool_p_values, windows_of

STREAM, DETECTOR = "frames", "d1"
COLUMNS = ("early", "late", "*")
MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EVENTS = 30
"""A camera's in a minute: ten in each flush."""
CAMERAS = ("camera=a", "camera=b")
SETTINGS = MonitorSettings(
    stream=STREAM, window_seconds=60, windows_between_false_alarms=1000.0, grace_seconds=10.0
)

Counts = NDArray[np.int64]


@cache  # the same lots come in every test, under other clocks
def counts(seed: int, n_events: int, *, share: float = 0.0) -> Counts:
    """Return ``(columns, bins)`` of one lot of events, *share* of them three deviations off."""
    rng = np.random.default_rng(seed)
    moved = 3.0 * (rng.random(n_events) < share)
    columns = [normal_scores(n_events, 10 * seed + k) + moved for k in range(len(COLUMNS))]
    lot = np.stack([windows_of(pool_p_values(s), n_events)[0] for s in columns])
    lot.flags.writeable = False
    return lot


def reference() -> dict[str, Counts]:
    found = {
        name: np.stack([counts(1000 * k + n, EVENTS) for n in range(60)])
        for k, name in enumerate(CAMERAS, start=1)
    }
    return {**found, "*": found["camera=a"] + found["camera=b"]}


class Site:
    """Two cameras, an agent that flushes three times a minute, and the monitor after each flush.

    Args:
        clock: the database's.
    """

    def __init__(self, store: Store, clock: HandClock) -> None:
        self.store, self.clock = store, clock
        clock.at = NOON
        store.ensure_stream(STREAM, STREAM, 60)
        self.monitor = Monitor(
            store, detector=DETECTOR, columns=COLUMNS, reference=reference(), settings=SETTINGS
        )
        self.seed = 10_000
        self.offsets: dict[int, int] = {}
        self.sent: dict[str, int] = {}

    def run(
        self,
        minutes: int,
        *,
        offsets: Mapping[str, timedelta] | None = None,
        faults: Mapping[str, float] | None = None,
        partitions: Mapping[str, int] | None = None,
        cameras: tuple[str, ...] = CAMERAS,
    ) -> None:
        """Let time pass.

        Args:
            minutes: how many.
            offsets: of the cameras' clocks.
            faults: the share of a camera's images that are unusual.
            partitions: where a camera's records go; all to 0 unless told.
            cameras: that send.
        """
        for _ in range(3 * minutes):
            self.clock.at += MINUTE / 3
            for name in cameras:
                self.seed += 1
                lot = counts(self.seed, EVENTS // 3, share=(faults or {}).get(name, 0.0))
                moment = (
                    self.clock.at - timedelta(seconds=1) + (offsets or {}).get(name, 0 * MINUTE)
                )
                self.flush(name, lot, moment, (partitions or {}).get(name, 0))
            self.monitor.turn()

    def flush(self, camera: str, lot: Counts, moment: datetime, partition: int = 0) -> None:
        """Count *lot* for the camera and for the whole stream, dated *moment*."""
        start = EPOCH + (moment - EPOCH) // MINUTE * MINUTE
        before = self.offsets.get(partition)
        self.offsets[partition] = (before or 0) + 1
        self.store.flush(
            FlushRecord(
                stream=STREAM,
                detector=DETECTOR,
                advances=[
                    OffsetAdvance(STREAM, partition, before, self.offsets[partition], moment)
                ],
                windows=[
                    WindowRecord(name, layer, start, tuple(row.tolist()), 0, 0)
                    for name in sorted({camera, "*"})
                    for layer, row in zip(COLUMNS, lot, strict=True)
                ],
                segments=[SegmentAdvance(name, moment) for name in sorted({camera, "*"})],
            )
        )

    def alerts(self) -> list[str]:
        """Return the segments of all alerts, oldest first."""
        return [alert.segment for alert in reversed(self.store.alerts(STREAM))]


@pytest.fixture
def site(store: Store, clock: HandClock) -> Site:
    return Site(store, clock)


WRONG = {
    "1970": NOON - EPOCH,
    "five hours behind": timedelta(hours=5),
    "four minutes behind": 4 * MINUTE,
    "four minutes ahead": -4 * MINUTE,
}


@pytest.mark.parametrize("faulty", CAMERAS)
@pytest.mark.parametrize("partition", [0, 1])
@pytest.mark.parametrize("behind", WRONG.values(), ids=WRONG.keys())
def test_a_fault_is_found_in_five_windows_though_one_cameras_clock_is_wrong(
    site: Site, behind: timedelta, partition: int, faulty: str
) -> None:
    """Half of the images of one camera are unusual; the clock of camera b is wrong from the start."""
    wrong = {"offsets": {"camera=b": -behind}, "partitions": {"camera=b": partition}}
    site.run(20, **wrong)  # type: ignore[arg-type]  # by name
    assert site.alerts() == []
    site.run(6, faults={faulty: 0.5}, **wrong)  # type: ignore[arg-type]  # by name
    assert site.alerts() == [faulty]


@pytest.mark.parametrize("faulty", CAMERAS)
@pytest.mark.parametrize("behind", WRONG.values(), ids=WRONG.keys())
def test_a_clock_that_goes_wrong_meanwhile_hides_no_fault(
    site: Site, behind: timedelta, faulty: str
) -> None:
    site.run(20)
    site.run(20, offsets={"camera=b": -behind})
    assert site.alerts() == []
    site.run(6, offsets={"camera=b": -behind}, faults={faulty: 0.5})
    assert site.alerts() == [faulty]


@pytest.mark.parametrize("ahead", [0 * MINUTE, 4 * MINUTE], ids=["right", "ahead"])
@pytest.mark.parametrize("seed", [20_000, 21_000, 22_000])
def test_a_small_fault_beside_a_camera_whose_clock_is_ahead_is_found_as_soon_as_beside_a_right_one(
    site: Site, seed: int, ahead: timedelta
) -> None:
    site.seed = seed
    site.run(10, offsets={"camera=b": ahead})
    assert site.alerts() == []
    site.run(3, offsets={"camera=b": ahead}, faults={"camera=a": 0.3})
    assert site.alerts() == ["camera=a"]


def test_what_comes_late_for_judged_windows_is_judged_by_the_next_turn(site: Site) -> None:
    site.run(20)
    assert site.alerts() == []
    for number in range(16):
        late = counts(50_000 + number, 300, share=0.8)
        site.flush("camera=a", late, NOON + (2 + number) * MINUTE, partition=7)
    site.monitor.turn()
    assert site.alerts() == ["camera=a"]
    (alert,) = site.store.alerts(STREAM)
    assert alert.rate_now > 0.3
    site.monitor.turn()
    assert site.store.alerts(STREAM) == [alert]


def test_an_idle_segment_is_judged_by_the_databases_clock_alone(
    site: Site, clock: HandClock
) -> None:
    site.run(3)
    site.flush("camera=a", counts(1, 300, share=0.9), clock.at + timedelta(days=400))
    site.monitor.turn()
    assert site.alerts() == []
    clock.at += timedelta(seconds=121)
    site.monitor.turn()
    assert site.alerts() == ["camera=a"]


def test_a_camera_whose_clock_stands_still_is_judged_though_it_sends_on(
    site: Site, clock: HandClock
) -> None:
    site.run(3)
    stopped = clock.at
    for _ in range(30):
        clock.at += MINUTE / 3
        site.seed += 1
        site.flush("camera=b", counts(site.seed, EVENTS // 3, share=0.7), stopped)
        site.monitor.turn()
    assert site.alerts() == ["camera=b"]


def test_a_switched_off_cameras_alert_holds_the_whole_stream_only_for_a_while(site: Site) -> None:
    site.run(10)
    site.run(5, faults={"camera=a": 0.7})
    assert site.alerts() == ["camera=a"]
    for _ in range(20):  # some events name no camera: else the whole would be camera b
        site.flush("*", counts(site.seed, EVENTS), site.clock.at)
        site.run(1, cameras=("camera=b",))

    def is_tested() -> bool:
        rows = site.store.segment_states(STREAM, DETECTOR, test="betting")
        (packed,) = [row.content for row in rows if row.segment == "*"]
        return bool(np.isfinite(unpack(packed)["log_evidence"]).any())

    assert is_tested()


def test_many_wrong_clocks_on_quiet_cameras_raise_nothing(site: Site) -> None:
    for behind in WRONG.values():
        site.run(40, offsets={"camera=b": -behind})
    assert site.alerts() == []
