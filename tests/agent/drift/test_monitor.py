from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from driftgauge.agent.drift import learning, monitor_memory
from driftgauge.agent.drift.baseline import learn_baseline
from driftgauge.agent.drift.known_windows import KnownWindows
from driftgauge.agent.drift.monitor import Monitor
from driftgauge.agent.drift.monitor_settings import MonitorSettings
from driftgauge.agent.drift.siblings import Sites
from driftgauge.agent.drift.stored_baseline import to_stored
from driftgauge.agent.drift.tests.catalogue import TESTS, choose_tests
from driftgauge.storage import (
    WHOLE_SEGMENT,
    AlertRecord,
    Claim,
    Database,
    FlushRecord,
    Judgement,
    OffsetAdvance,
    RecordConflict,
    SegmentAdvance,
    SegmentStateRow,
    StaleFlush,
    Store,
    WindowRecord,
)

from ...stores import HandClock
from .streams import normal_scores, pool_p_values, windows_of

STREAM, DETECTOR = "frames", "d1"
COLUMNS = ("early", "late", "*")
SECONDS = 60
START = datetime(2026, 3, 1, tzinfo=UTC)
EVENTS = 32
SHIFTS = {"camera=1": 0.0, "camera=2": 0.6}
SETTINGS = MonitorSettings(
    stream=STREAM,
    window_seconds=SECONDS,
    windows_between_false_alarms=1000.0,
    idle_seconds=60.0,
    grace_seconds=0.0,
    recovery_windows=3,
    learn=timedelta(minutes=30),
)

Counts = NDArray[np.int64]


def camera_windows(n: int, seed: int, segment: str, *, shift: float = 0.0) -> Counts:
    """Return ``(windows, columns, bins)`` of one camera."""
    columns = [
        windows_of(
            pool_p_values(
                normal_scores(n * EVENTS, 10 * seed + column, shift=SHIFTS[segment] + shift)
            ),
            EVENTS,
        )
        for column in range(len(COLUMNS))
    ]
    return np.stack(columns, axis=1)


def reference(*, without: str = "") -> dict[str, Counts]:
    found = {name: camera_windows(60, 1 + n, name) for n, name in enumerate(SHIFTS)}
    found["*"] = found["camera=1"] + found["camera=2"]
    return {name: windows for name, windows in found.items() if name != without}


class Traffic:
    """Writes windows through the store as an agent does."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.n_windows = 0
        store.ensure_stream(STREAM, STREAM, SECONDS)

    def now(self) -> datetime:
        return START + self.n_windows * timedelta(seconds=SECONDS)

    def send(self, cameras: dict[str, Counts], detector: str = DETECTOR) -> None:
        for row in range(len(next(iter(cameras.values())))):
            segments = {name: windows[row] for name, windows in cameras.items()}
            segments["*"] = np.sum(list(segments.values()), axis=0)
            self._flush(segments, detector)

    def quiet(self, n: int, seed: int, **changes: float) -> None:
        self.send(
            {
                name: camera_windows(n, seed + k, name, shift=changes.get(name[-1:], 0.0))
                for k, name in enumerate(SHIFTS)
            }
        )

    def fault(self, n: int, seed: int, *, camera: str = "camera=1", shift: float = 2.0) -> None:
        self.send(
            {
                name: camera_windows(n, seed + k, name, shift=shift if name == camera else 0.0)
                for k, name in enumerate(SHIFTS)
            }
        )

    def _flush(self, segments: dict[str, Counts], detector: str) -> None:
        start = self.now()
        self._store.flush(
            FlushRecord(
                stream=STREAM,
                detector=detector,
                advances=[
                    OffsetAdvance(
                        topic=STREAM,
                        partition=0,
                        from_offset=self.n_windows or None,
                        next_offset=self.n_windows + 1,
                        event_time_max=start + timedelta(seconds=SECONDS),
                    )
                ],
                windows=[
                    WindowRecord(name, layer, start, tuple(counts[column].tolist()), 0, 0)
                    for name, counts in segments.items()
                    for column, layer in enumerate(COLUMNS)
                ],
                segments=[
                    SegmentAdvance(name, start + timedelta(seconds=SECONDS)) for name in segments
                ],
            )
        )
        self.n_windows += 1


def monitor(
    store: Store,
    *,
    lacking: str = "",
    detector: str = DETECTOR,
    columns: Sequence[str] = COLUMNS,
    settings: MonitorSettings = SETTINGS,
) -> Monitor:
    return Monitor(
        store,
        detector=detector,
        columns=columns,
        reference=reference(without=lacking),
        settings=settings,
    )


class Replay:
    """The same store without what the monitor wrote, which takes all windows at once."""

    def __init__(self, store: Store, traffic: Traffic) -> None:
        self._store, self._traffic = store, traffic
        self.judged: list[Judgement] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def monitor_state(self, stream: str, detector: str) -> None:
        return None

    def segment_states(self, stream: str, detector: str) -> list[SegmentStateRow]:
        return []

    def claim_windows(self, stream: str, detector: str, **settings: float) -> Claim:
        claim = self._store.claim_windows(stream, detector, **settings)  # type: ignore[arg-type]  # as given
        windows = self._store.histograms(stream, detector, after=None, until=self._traffic.now())
        return replace(claim, windows=windows, unfinished=[])

    def alerts(self, *args: object, **more: object) -> list[object]:
        return []

    def continuable_alerts(self, *args: object, **more: object) -> list[object]:
        return []

    def judge(self, judgement: Judgement) -> list[AlertRecord]:
        self.judged.append(judgement)
        return list(judgement.alerts)


@pytest.fixture
def traffic(store: Store) -> Traffic:
    return Traffic(store)


def by_key(row: SegmentStateRow) -> tuple[str, str]:
    return row.segment, row.test


def live(store: Store) -> list[tuple[str, str]]:
    return [(alert.segment, alert.state) for alert in store.alerts(STREAM)]


def test_a_quiet_stream_raises_nothing_though_its_cameras_differ(
    store: Store, traffic: Traffic
) -> None:
    traffic.quiet(60, 20)
    assert monitor(store).turn() == []
    state = store.monitor_state(STREAM)
    assert state is not None
    assert state.cursor == traffic.now() - timedelta(seconds=SECONDS)


def test_a_changed_camera_is_told_once_and_the_pool_and_the_others_stay_quiet(
    store: Store, traffic: Traffic
) -> None:
    traffic.quiet(20, 20)
    began = traffic.now()
    traffic.fault(6, 30)
    monitor(store).turn()
    assert live(store) == [("camera=1", "open")]
    (alert,) = store.alerts(STREAM)
    assert abs(alert.since - began) <= timedelta(seconds=2 * SECONDS)
    assert alert.rate_now > 5 * alert.rate_normal
    assert alert.refreshed_at > alert.window_start
    assert alert.message.startswith("camera 1 changed at about")
    assert [layer["layer"] for layer in alert.layers] in (["early", "late"], ["late", "early"])


def test_recovery_resolves_only_after_enough_quiet_windows(store: Store, traffic: Traffic) -> None:
    traffic.fault(5, 30)
    monitor(store).turn()
    traffic.quiet(2, 40)
    monitor(store).turn()
    assert live(store) == [("camera=1", "open")]
    traffic.quiet(6, 50)
    monitor(store).turn()
    assert live(store) == [("camera=1", "resolved")]
    (alert,) = store.alerts(STREAM)
    assert [step.to_state for step in store.transitions(alert.id or 0)] == ["open", "resolved"]


def test_a_restart_at_every_window_changes_no_verdict(store: Store, traffic: Traffic) -> None:
    def play() -> None:
        traffic.quiet(1, 60 + traffic.n_windows)
        monitor(store).turn()

    for _ in range(8):
        play()
    for k in range(4):
        traffic.fault(1, 200 + 3 * k, shift=1.0)
        monitor(store).turn()
    for _ in range(8):
        play()
    stepwise = [(a.segment, a.window_start, a.refreshed_at, a.state) for a in store.alerts(STREAM)]
    kept = store.segment_states(STREAM, DETECTOR)

    replay = Replay(store, traffic)
    monitor(replay).turn()  # type: ignore[arg-type]  # stands in for the store
    (judgement,) = replay.judged
    at_once = [(a.segment, a.window_start, a.refreshed_at, a.state) for a in judgement.alerts]
    assert at_once == stepwise[::-1]
    assert sorted(judgement.states, key=by_key) == sorted(kept, key=by_key)


def test_a_stream_without_segments_is_tested_as_a_whole(store: Store, traffic: Traffic) -> None:
    for counts in camera_windows(4, 70, "camera=1", shift=2.5):
        traffic._flush({"*": counts}, DETECTOR)
    monitor(store).turn()
    assert live(store) == [("*", "open")]


def test_the_whole_stream_is_not_told_while_it_is_one_camera_under_another_name(
    store: Store, traffic: Traffic
) -> None:
    """The camera is learnt from the fault on, and so raises nothing; the stream would repeat it."""
    traffic.send({"camera=1": camera_windows(40, 70, "camera=1", shift=2.5)})
    alone = {"*": reference()["camera=1"]}
    Monitor(store, detector=DETECTOR, columns=COLUMNS, reference=alone, settings=SETTINGS).turn()
    assert live(store) == []


def test_the_whole_stream_is_not_tested_while_a_part_of_it_is_learnt(
    store: Store, traffic: Traffic
) -> None:
    traffic.quiet(20, 20)
    traffic.fault(8, 30, camera="camera=2", shift=3.0)
    monitor(store, lacking="camera=2").turn()
    assert live(store) == []


def partly(n: int, seed: int, share: float) -> dict[str, Counts]:
    """Return windows of both cameras; *share* of camera 1's events are three deviations off."""
    rng = np.random.default_rng(seed)
    hit = 3.0 * (rng.random(n * EVENTS) < share)
    columns = [
        windows_of(pool_p_values(normal_scores(n * EVENTS, 10 * seed + column) + hit), EVENTS)
        for column in range(len(COLUMNS))
    ]
    other = camera_windows(n, seed + 1, "camera=2")
    return {"camera=1": np.stack(columns, axis=1), "camera=2": other}


def test_a_change_inside_a_change_raises_the_alert_again_with_what_is_new(
    store: Store, traffic: Traffic
) -> None:
    traffic.quiet(20, 20)
    traffic.send(partly(60, 400, 0.13))
    monitor(store).turn()
    (first,) = store.alerts(STREAM)
    began = traffic.now()
    traffic.send(partly(15, 410, 0.45))
    monitor(store).turn()
    (alert,) = store.alerts(STREAM)
    assert (alert.id, alert.state, alert.since) == (first.id, "open", first.since)
    told = [step for step in store.transitions(alert.id or 0) if "changed again" in step.note]
    assert len(told) == 1
    assert "before" in told[0].note
    assert "camera 1 changed again at about" in alert.message
    assert f"first changed at about {first.since:%Y-%m-%d %H:%M:%S}" in alert.message
    assert 0.3 < alert.rate_peak < 0.6
    traffic.send(partly(60, 420, 0.13))
    monitor(store).turn()
    (later,) = store.alerts(STREAM)
    assert (later.state, later.message, later.layers) == ("open", alert.message, alert.layers)
    assert later.rate_peak >= alert.rate_peak, "a quieter time takes nothing back"
    assert later.refreshed_at > began


def test_an_alert_lives_as_long_as_its_fault_and_no_longer(store: Store, traffic: Traffic) -> None:
    traffic.quiet(20, 20)
    traffic.send(partly(250, 400, 0.13))
    monitor(store).turn()
    assert live(store) == [("camera=1", "open")], "it neither ended meanwhile nor opened anew"
    assert all(step.to_state == "open" for step in store.transitions(1))
    traffic.send(partly(15, 410, 0.0))
    monitor(store).turn()
    assert live(store) == [("camera=1", "resolved")]


def test_each_refresh_of_an_alert_is_logged(
    store: Store, traffic: Traffic, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="driftgauge")
    traffic.quiet(20, 20)
    for step in range(4):
        traffic.fault(1, 30 + 3 * step)
        monitor(store).turn()
    told = [getattr(r, "action", "") for r in caplog.records if "alert" in getattr(r, "action", "")]
    assert told[0] == "alert_opened"
    assert set(told[1:]) == {"alert_refreshed"}


def accepted_change(store: Store, traffic: Traffic) -> None:
    """A change is told, and Ann calls it normal while it goes on."""
    traffic.quiet(20, 20)
    traffic.fault(12, 30)
    monitor(store).turn()
    (told,) = store.alerts(STREAM)
    store.give_verdict(told.id or 0, "accepted", at=START, by="ann", note="new lamps")


def test_a_change_that_a_person_accepted_does_not_alarm_again(
    store: Store, traffic: Traffic
) -> None:
    accepted_change(store, traffic)
    traffic.fault(30, 40)
    monitor(store).turn()
    assert live(store) == [("camera=1", "resolved")]
    rows = {row.segment: row for row in store.baselines(STREAM, DETECTOR)}
    assert (rows["camera=1"].source, rows["camera=1"].made_by) == ("accepted", "ann")
    assert rows["camera=2"].source == "fit"


def test_what_was_normal_before_an_accepted_change_stays_normal(
    store: Store, traffic: Traffic
) -> None:
    accepted_change(store, traffic)
    traffic.quiet(40, 50)
    monitor(store).turn()
    assert live(store) == [("camera=1", "resolved")]


def test_a_frozen_picture_is_told_after_a_change_was_accepted(
    store: Store, traffic: Traffic
) -> None:
    accepted_change(store, traffic)
    traffic.fault(10, 40)
    monitor(store).turn()
    rows = {row.segment: row for row in store.baselines(STREAM, DETECTOR)}
    assert (rows["camera=1"].components, rows["camera=2"].components) == (2, 1)
    still = np.zeros((8, len(COLUMNS), 18), dtype=np.int64)
    still[:, :, 9] = EVENTS
    traffic.send({"camera=1": still, "camera=2": camera_windows(8, 50, "camera=2")})
    monitor(store).turn()
    assert live(store) == [("camera=1", "open"), ("camera=1", "resolved")]


def test_an_accepted_change_is_taken_in_once(
    store: Store, traffic: Traffic, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="driftgauge")
    accepted_change(store, traffic)
    for _ in range(3):
        traffic.fault(2, 60 + traffic.n_windows)
        monitor(store).turn()
    taken = [r for r in caplog.records if getattr(r, "action", "") == "change_accepted"]
    assert [r.segment for r in taken] == ["camera=1", "*"]  # type: ignore[attr-defined]  # by action()
    assert store.baseline_revisions(STREAM, DETECTOR)["camera=1"] == 2


def test_a_segment_without_reference_is_learnt_first_and_then_watched(
    store: Store, traffic: Traffic
) -> None:
    traffic.quiet(29, 20)
    traffic.fault(1, 21, camera="camera=2")
    monitor(store, lacking="camera=2").turn()
    assert store.alerts(STREAM, segment="camera=2") == []
    traffic.quiet(20, 80)
    monitor(store, lacking="camera=2").turn()
    assert store.alerts(STREAM, segment="camera=2") == []
    traffic.fault(4, 90, camera="camera=2", shift=2.5)
    monitor(store, lacking="camera=2").turn()
    assert [alert.state for alert in store.alerts(STREAM, segment="camera=2")] == ["open"]


def test_evidence_of_two_detectors_on_one_stream_is_kept_apart(
    store: Store, traffic: Traffic
) -> None:
    """As in a rolling restart after another detector was activated: both judge for a while."""
    alone, only_bets = [], replace(SETTINGS, tests=choose_tests(["betting"]))
    for detector in ("d1", "d2", "d1", "d2"):
        cameras = {
            name: camera_windows(1, 95 + k, name, shift=0.4) for k, name in enumerate(SHIFTS)
        }
        traffic.send(cameras, detector=detector)
        monitor(store, detector=detector, settings=only_bets).turn()
        alone.append(nearness(store, detector, "camera=1"))
    assert alone[0] == alone[1]
    assert alone[2] == alone[3]
    assert alone[2] > alone[0]  # it goes on where it was
    cursors = [store.monitor_state(STREAM, detector) for detector in ("d1", "d2")]
    assert [state is not None and state.cursor for state in cursors] == [
        traffic.now() - timedelta(seconds=n * SECONDS) for n in (2, 1)
    ]


def nearness(store: Store, detector: str, segment: str) -> float:
    rows = store.segment_states(STREAM, detector, test=WHOLE_SEGMENT)
    return next(row.nearness or 0.0 for row in rows if row.segment == segment)


def test_baselines_are_measured_once_and_stored_with_where_they_come_from(
    store: Store, traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    traffic.quiet(40, 20)
    monitor(store, lacking="camera=2").turn()
    found = {row.segment: row for row in store.baselines(STREAM, DETECTOR, with_reference=True)}
    assert {name: row.source for name, row in found.items()} == {
        "*": "fit",
        "camera=1": "fit",
        "camera=2": "learnt",
    }
    learnt = found["camera=2"]
    assert (learnt.windows, learnt.events, learnt.made_by) == (30, 30 * EVENTS, "monitor")
    assert (learnt.begins, learnt.until) == (START, START + timedelta(minutes=30))
    assert KnownWindows.unpacked(learnt.reference).windows.shape == (30, len(COLUMNS), 18)

    def measured(*_: object, **__: object) -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr(monitor_memory, "learn_baseline", measured)
    monkeypatch.setattr(learning, "learn_baseline", measured)
    traffic.fault(4, 90, camera="camera=2", shift=2.5)
    monitor(store, lacking="camera=2").turn()
    assert live(store) == [("camera=2", "open")]


def test_other_tests_are_measured_on_the_stored_windows_and_evidence_of_the_same_ones_stays(
    store: Store, traffic: Traffic
) -> None:
    traffic.quiet(40, 20)
    monitor(store, lacking="camera=2").turn()
    more = replace(SETTINGS, tests=choose_tests(["windows", "betting", "coarse", "ood_rate"]))
    traffic.quiet(1, 60)
    monitor(store, lacking="camera=2", settings=more).turn()
    tests = {row.segment: row.tests for row in store.baselines(STREAM, DETECTOR)}
    assert tests["camera=2"] == tests["camera=1"]
    assert "ood_rate" in tests["camera=2"]


def test_a_replaced_baseline_is_judged_by_from_the_next_turn_on(
    store: Store, traffic: Traffic
) -> None:
    judge = monitor(store)
    traffic.quiet(5, 20)
    judge.turn()
    cameras = {name: camera_windows(60, 70 + k, name, shift=2.0) for k, name in enumerate(SHIFTS)}
    changed = learn_baseline(cameras["camera=1"])
    assert changed is not None
    accepted = to_stored(
        *("camera=1", changed, SETTINGS.tests),
        source="accepted",
        made_by="ann",
    )
    store.write_baselines(STREAM, DETECTOR, [accepted])
    traffic.fault(6, 30)
    judge.turn()
    assert [name for name, _ in live(store) if name == "camera=1"] == []


def test_what_a_turn_writes_of_a_quiet_segment_is_small(store: Store, traffic: Traffic) -> None:
    traffic.quiet(20, 20)
    monitor(store).turn()
    rows = [row for row in store.segment_states(STREAM, DETECTOR) if row.segment == "camera=1"]
    assert sum(len(row.content) for row in rows) <= 2048


def test_a_segment_that_is_not_judged_is_not_written(store: Store, traffic: Traffic) -> None:
    traffic.quiet(3, 20)
    judge = monitor(store)
    judge.turn()
    written: list[str] = []

    class Seen:
        def __getattr__(self, name: str) -> object:
            return getattr(store, name)

        def judge(self, judgement: Judgement) -> list[AlertRecord]:
            written.extend(row.segment for row in judgement.states)
            return store.judge(judgement)

    judge._store = Seen()  # type: ignore[assignment]  # listens
    traffic.send({"camera=1": camera_windows(1, 61, "camera=1")})
    judge.turn()
    assert "camera=1" in written
    assert "camera=2" not in written


def test_a_segment_not_seen_for_long_is_let_go_and_learnt_anew_when_it_returns(
    store: Store, traffic: Traffic, clock: HandClock
) -> None:
    clock.at = START
    traffic.quiet(3, 20)
    monitor(store).turn()
    clock.at += timedelta(days=31)
    traffic.send({"camera=1": camera_windows(2, 61, "camera=1")})
    monitor(store).turn()
    assert {row.segment for row in store.baselines(STREAM, DETECTOR)} == {"camera=1", "*"}
    assert {row.segment for row in store.segment_states(STREAM, DETECTOR)} == {"camera=1", "*"}
    traffic.quiet(1, 62)
    monitor(store).turn()
    (row,) = [row for row in store.segment_states(STREAM, DETECTOR) if row.segment == "camera=2"]
    assert json.loads(row.content)["lesson"]["until"] is None


def test_a_backlog_is_judged_in_slices_with_the_same_verdicts(
    store: Store, traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    traffic.quiet(20, 20)
    traffic.fault(6, 30)
    traffic.quiet(10, 50)
    monkeypatch.setattr("driftgauge.agent.drift.monitor.MOST_COUNTS", 5 * 9)
    asked: list[bool] = []
    monitor(store).turn(lambda: not asked.append(True))  # type: ignore[func-returns-value]  # listens
    assert len(asked) >= 8  # slices of four windows of three segments
    replay = Replay(store, traffic)
    monitor(replay).turn()  # type: ignore[arg-type]  # stands in for the store
    at_once = [(a.segment, a.window_start, a.state) for a in replay.judged[0].alerts]
    assert [(a.segment, a.window_start, a.state) for a in store.alerts(STREAM)] == at_once[-1:]
    kept = store.segment_states(STREAM, DETECTOR)
    assert sorted(replay.judged[0].states, key=by_key) == sorted(kept, key=by_key)


def test_a_backlog_is_left_to_others_when_the_lease_is_lost(
    store: Store, traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    traffic.quiet(20, 20)
    monkeypatch.setattr("driftgauge.agent.drift.monitor.MOST_COUNTS", 5 * 9)
    monitor(store).turn(lambda: False)
    first = store.monitor_state(STREAM)
    assert first is not None
    assert first.cursor < traffic.now() - timedelta(minutes=10)
    monitor(store).turn()
    last = store.monitor_state(STREAM)
    assert last is not None
    assert last.cursor == traffic.now() - timedelta(minutes=1)


def test_what_a_person_resolved_is_not_brought_back_but_told_anew_if_it_goes_on(
    store: Store, traffic: Traffic
) -> None:
    traffic.fault(4, 30)
    monitor(store).turn()
    (alert,) = store.alerts(STREAM)
    store.transition_alert(alert.id or 0, "resolved", at=START, by="ann")
    traffic.fault(4, 33)
    monitor(store).turn()
    assert live(store) == [("camera=1", "open"), ("camera=1", "resolved")]


def test_the_slower_of_two_monitors_writes_nothing(store: Store, traffic: Traffic) -> None:
    traffic.fault(4, 30)
    first, second = monitor(store), monitor(store)
    claimed = second._claim()

    class Late:
        def __getattr__(self, name: str) -> object:
            return getattr(store, name)

        def claim_windows(self, *args: object, **settings: object) -> object:
            return claimed

    second._store = Late()  # type: ignore[assignment]  # judges what it took before the first's turn
    assert len(first.turn()) == 1
    with pytest.raises(RecordConflict):
        second.turn()
    assert live(store) == [("camera=1", "open")]


def test_evidence_of_another_version_starts_anew_with_a_log_line_and_keeps_its_alerts(
    store: Store, traffic: Traffic, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    traffic.fault(4, 30)
    monitor(store).turn()
    state = store.monitor_state(STREAM)
    assert state is not None
    with database.write() as connection:  # what the migration keeps of earlier versions
        connection.exec_driver_sql("DELETE FROM segment_state WHERE test <> '*'")
    traffic.fault(4, 33)
    monitor(store).turn()
    warned = [getattr(r, "action", "") for r in caplog.records if r.levelname == "WARNING"]
    assert warned[-1] == "evidence_restarted"
    assert live(store) == [("camera=1", "open")]
    assert store.alerts(STREAM)[0].refreshed_at > state.cursor


def test_each_test_that_the_settings_name_has_an_alert_of_its_own(
    store: Store, traffic: Traffic
) -> None:
    traffic.fault(6, 30)
    settings = replace(SETTINGS, tests=choose_tests(["betting", "ood_rate"]))
    monitor(store, settings=settings).turn()
    found = {(alert.segment, alert.test) for alert in store.alerts(STREAM)}
    assert found == {("camera=1", "betting"), ("camera=1", "ood_rate")}
    traffic.quiet(8, 50)
    monitor(store, settings=settings).turn()
    assert {alert.state for alert in store.alerts(STREAM)} == {"resolved"}


def test_tests_without_a_promise_take_no_share_of_the_budget() -> None:
    more = replace(SETTINGS, tests=[test for test in TESTS if not test.reads_labels])
    assert more.log_threshold(3) == SETTINGS.log_threshold(3) == math.log(3000.0)


def test_an_alert_on_predictions_has_a_fifth_of_the_budget() -> None:
    both = replace(SETTINGS, tests=choose_tests(["windows", "label_shift"]))
    assert both.log_threshold(3) == pytest.approx(math.log(3000.0 / 0.8))
    assert both.log_threshold(3, "label_shift") == pytest.approx(math.log(3000.0 / 0.2))
    alone = replace(SETTINGS, tests=choose_tests(["label_shift"]))
    assert alone.log_threshold(3, "label_shift") == math.log(3000.0)


def test_windows_that_are_not_closed_wait(store: Store, traffic: Traffic) -> None:
    store.ensure_stream(STREAM, STREAM, SECONDS)
    assert monitor(store).turn() == []
    assert store.monitor_state(STREAM) is None
    with pytest.raises(StaleFlush):
        store.flush(FlushRecord(STREAM, DETECTOR, [OffsetAdvance(STREAM, 0, 5, 6, None)]))


def test_an_alert_says_whether_its_camera_changed_alone_at_its_site(
    store: Store, traffic: Traffic
) -> None:
    sites = replace(SETTINGS, sites=Sites("(camera)=.+"))
    traffic.fault(6, 30)
    monitor(store, settings=sites).turn()
    (alone,) = store.alerts(STREAM)
    assert alone.message.endswith("siblings: alone, none of the other 1 of camera has changed")
    traffic.quiet(6, 40, **{"1": 2.0, "2": 2.0})
    monitor(store, settings=sites).turn()
    second = next(alert for alert in store.alerts(STREAM) if alert.segment == "camera=2")
    assert second.message.endswith("siblings: with 1 of the other 1 of camera")


def hall_windows(n: int, seed: int, *, changed: int) -> dict[str, Counts]:
    """Return windows of four cameras of a hall, the first *changed* of which have a fault, and of one elsewhere."""
    names = [f"camera=hall-{number}" for number in range(4)] + ["camera=yard-0"]
    return {
        name: camera_windows(n, seed + k, "camera=1", shift=3.0 if k < changed else 0.0)
        for k, name in enumerate(names)
    }


def test_a_site_that_changes_is_one_incident_whose_alerts_say_how_many_of_its_cameras_changed(
    store: Store, traffic: Traffic
) -> None:
    sites = replace(SETTINGS, sites=Sites(r"camera=(.+)-\d+"))
    known = hall_windows(60, 100, changed=0)
    known["*"] = np.sum(list(known.values()), axis=0)

    def judge() -> None:
        Monitor(store, detector=DETECTOR, columns=COLUMNS, reference=known, settings=sites).turn()

    traffic.send(hall_windows(10, 200, changed=0))
    judge()
    assert store.alerts(STREAM) == []
    traffic.send(hall_windows(3, 300, changed=3))
    judge()
    told = {alert.segment: alert for alert in store.alerts(STREAM)}
    assert sorted(told) == ["camera=hall-0", "camera=hall-1", "camera=hall-2"]
    for alert in told.values():
        assert alert.message.endswith("; siblings: with 2 of the other 3 of hall")
    (incident,) = store.incidents(STREAM)
    assert (incident.members, incident.live) == (3, 3)


def test_a_gross_change_is_told_where_no_budget_can_be_promised_and_says_so(
    store: Store, traffic: Traffic
) -> None:
    """At so large a budget four windows are no evidence yet, however much is unusual in them."""
    known = {name: windows[:20] for name, windows in reference().items()}
    budget = replace(SETTINGS, windows_between_false_alarms=1e300)
    for settings, expected in (
        (replace(budget, tests=choose_tests(["windows", "betting", "coarse"])), []),
        (budget, [("camera=1", "open")]),
    ):
        judge = Monitor(
            store, detector=DETECTOR, columns=COLUMNS, reference=known, settings=settings
        )
        traffic.quiet(3, 20)
        traffic.fault(4, 30, shift=3.0)
        told = judge.turn()
        assert live(store) == expected
    (alert,) = told
    assert alert.message.endswith(
        "; a gross change: four windows in a row lie far beyond everything that its reference shows; no "
        "false-alarm rate is promised here: its reference is still too short"
    )
    assert alert.log_e_value is None
    assert (alert.test, alert.rate_now > 0.5) == ("betting", True)
    traffic.quiet(12, 60)
    judge.turn()
    assert live(store) == [("camera=1", "resolved")]


def alike(n: int, seed: int, *, shift: float = 0.0, correlation: float = 0.98) -> dict[str, Counts]:
    """Return windows of camera 2, whose images follow each other closely, beside camera 1."""
    scores = normal_scores(n * EVENTS, seed, correlation=correlation, shift=shift)
    column = windows_of(pool_p_values(scores), EVENTS)
    return {
        "camera=1": camera_windows(n, seed + 1, "camera=1"),
        "camera=2": np.stack([column] * len(COLUMNS), axis=1),
    }


def test_a_segment_that_is_learnt_for_longer_is_watched_for_gross_changes_meanwhile(
    store: Store, traffic: Traffic
) -> None:
    traffic.send(alike(31, 7))
    monitor(store, lacking="camera=2").turn()
    (row,) = store.baselines(STREAM, DETECTOR, segment="camera=2")
    assert (row.source, row.tests, row.revision) == ("learnt", ("coarse", "gross"), 1)
    traffic.send(alike(12, 5, shift=6.0))
    monitor(store, lacking="camera=2").turn()
    (told,) = store.alerts(STREAM, segment="camera=2")
    assert told.message.endswith(
        "no false-alarm rate is promised here: its reference is still too short"
    )
    assert told.log_e_value is None


@pytest.mark.parametrize("has_fault", [False, True])
def test_a_provisional_baseline_is_replaced_by_what_is_learnt_without_what_an_alert_saw(
    store: Store, traffic: Traffic, *, has_fault: bool
) -> None:
    traffic.send(alike(31, 7))
    if has_fault:
        traffic.send(alike(12, 5, shift=6.0))
    ended = traffic.now()
    for _ in range(4):
        traffic.send(alike(31, 7))
        monitor(store, lacking="camera=2").turn()
    told = store.alerts(STREAM, segment="camera=2")
    assert [alert.state for alert in told] == (["resolved"] if has_fault else [])
    (row,) = store.baselines(STREAM, DETECTOR, segment="camera=2")
    assert "windows" in row.tests
    assert row.begins is not None
    assert row.begins >= ended if has_fault else row.begins == START, "a fault is no reference"
    kept = store.segment_states(STREAM, DETECTOR, test="windows")
    assert {one.segment: one.baseline_revision for one in kept}["camera=2"] == row.revision
