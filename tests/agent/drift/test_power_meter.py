"""Power is measured beside the monitor's turns, once for each baseline; on both databases."""

from __future__ import annotations

import numpy as np

from driftgauge.agent.drift import power_meter
from driftgauge.agent.drift.baseline import learn_baseline
from driftgauge.agent.drift.power import PowerCurve
from driftgauge.agent.drift.power_meter import PowerMeter
from driftgauge.agent.drift.stored_baseline import to_stored
from driftgauge.agent.review.segment_standing import segment_standings
from driftgauge.storage import DetectorRecord, Store

from .test_monitor import DETECTOR, SETTINGS, START, STREAM, Traffic, monitor, reference

LOG_A = 9.0


def meter(store: Store) -> PowerMeter:
    return PowerMeter(store, stream=STREAM, detector=DETECTOR, tests=SETTINGS.tests)


def test_power_is_measured_once_and_evidence_stays(store: Store) -> None:
    traffic = Traffic(store)
    traffic.quiet(3, 20)
    monitor(store).turn()
    before = store.segment_states(STREAM, DETECTOR)
    assert meter(store).turn() == 3
    assert meter(store).turn() == 0
    curves = [PowerCurve.load(row.power or b"") for row in store.baselines(STREAM, DETECTOR)]
    assert [curve.at(LOG_A).total_failure for curve in curves] == [1, 1, 1]
    assert {row.revision for row in store.baselines(STREAM, DETECTOR)} == {1}
    traffic.quiet(1, 30)
    monitor(store).turn()
    after = store.segment_states(STREAM, DETECTOR)
    assert {row.baseline_revision for row in after} == {row.baseline_revision for row in before}


def test_a_baseline_that_is_replaced_is_measured_anew(store: Store) -> None:
    Traffic(store).quiet(1, 20)
    monitor(store).turn()
    meter(store).turn()
    windows = reference()["camera=1"][:30]
    shorter = learn_baseline(windows)
    assert shorter is not None
    row = to_stored("camera=1", shorter, SETTINGS.tests, source="accepted", made_by="ada")
    store.write_baselines(STREAM, DETECTOR, [row])
    lacking = [row.segment for row in store.baselines(STREAM, DETECTOR) if row.power is None]
    assert lacking == ["camera=1"]
    assert meter(store).turn() == 1


def test_what_was_measured_for_a_baseline_that_was_replaced_meanwhile_is_dropped(
    store: Store,
) -> None:
    Traffic(store).quiet(1, 20)
    monitor(store).turn()
    (old, *_) = store.baselines_without_power(STREAM, DETECTOR, limit=1)
    store.write_baselines(STREAM, DETECTOR, store.baselines(STREAM, DETECTOR, with_reference=True))
    store.write_power(STREAM, DETECTOR, {old.segment: (old.revision, b"of the old one")})
    assert all(row.power is None for row in store.baselines(STREAM, DETECTOR))


def test_many_segments_are_measured_some_at_a_time(store: Store) -> None:
    assert power_meter.AT_ONCE < 100
    Traffic(store).quiet(1, 20)
    monitor(store).turn()
    assert len(store.baselines_without_power(STREAM, DETECTOR, limit=2)) == 2


def test_a_segment_whose_total_failure_would_be_told_late_is_not_called_tested(
    store: Store,
) -> None:
    traffic = Traffic(store)
    store.register_detector(
        DetectorRecord(DETECTOR, STREAM, "d1", START, status="active", manifest={})
    )
    traffic.quiet(3, 20)
    monitor(store).turn()
    slow, none = np.full(90, 4.0, dtype=np.float32), np.zeros(240, dtype=np.float32)
    slow[80:] = 30.0
    curve = PowerCurve(slow, none, 32)
    rows = store.baselines_without_power(STREAM, DETECTOR, limit=9)
    power = {row.segment: (row.revision, curve.dump()) for row in rows if row.segment == "camera=2"}
    store.write_power(STREAM, DETECTOR, power)
    found = {row.segment: row for row in segment_standings(store, STREAM, SETTINGS)}
    assert found["camera=2"].phase == "untested"
    assert "after 1.35 h of its traffic, later than 1 h (monitor.tested_within)" in (
        found["camera=2"].why
    )
    told = found["camera=2"].power
    assert told is not None
    assert (told.total_failure, told.tenth) == ("1.35 h", "over 4 h")
    assert found["camera=1"].phase == "judged", "what is not measured is not called untested"
    unknown = {row.segment: row for row in segment_standings(store, STREAM, None)}
    assert (unknown["camera=2"].phase, unknown["camera=2"].power) == ("judged", None)
