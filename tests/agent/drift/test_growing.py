from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from driftgauge.agent.drift import growing, growth
from driftgauge.agent.drift.baseline import learn_baseline
from driftgauge.agent.drift.growing import Growing
from driftgauge.agent.drift.growth import MOST_SHIFT, MOST_TIMES, Growth, with_day
from driftgauge.agent.drift.known_windows import KnownWindows
from driftgauge.agent.drift.segment_memory import SegmentMemory
from driftgauge.agent.drift.stored_baseline import to_stored
from driftgauge.storage import AlertRecord, Judgement, SegmentBaseline, Store

from . import growing_runs
from .growing_runs import grow_and_judge, simulated
from .test_components import NIGHT, days, stream
from .test_monitor import (
    DETECTOR,
    SETTINGS,
    START,
    STREAM,
    Counts,
    Replay,
    Traffic,
    by_key,
    live,
    monitor,
)

MINUTE = timedelta(minutes=1)
DAY = 20 * MINUTE
"""A short one, so that a test has many."""
GROWING = replace(SETTINGS, grow_after=10 * MINUTE)
OFF = replace(SETTINGS, grow=False)
CAMERAS = ("camera=1", "camera=2")


@pytest.fixture(autouse=True)
def short_days(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "DAY", DAY)
    monkeypatch.setattr(growing, "DAY", DAY)


@pytest.fixture
def traffic(store: Store) -> Traffic:
    return Traffic(store)


def rows(store: Store) -> dict[str, SegmentBaseline]:
    return {row.segment: row for row in store.baselines(STREAM, DETECTOR, with_reference=True)}


def test_quiet_traffic_joins_the_baseline_after_its_day_and_a_wait(
    store: Store, traffic: Traffic, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="driftgauge")
    traffic.quiet(30, 20)
    monitor(store, settings=GROWING).turn()
    assert all(row.grown == 0 for row in rows(store).values())
    traffic.quiet(80, 30)
    monitor(store, settings=GROWING).turn()
    for name in CAMERAS:
        row = rows(store)[name]
        assert (row.source, row.made_by, row.windows) == ("fit", "fit", 60 + row.grown)
        assert 0 < row.grown <= 15 * 5, "a quarter of sixty in a day"
        assert row.grown_until is not None
        assert row.grown_until <= traffic.now() - GROWING.grow_after
        assert (row.anchor_shift or 0.0) < MOST_SHIFT
        known = KnownWindows.unpacked(row.reference)
        assert (len(known.anchor(0)), known.n_grown) == (60, row.grown)
    assert "baseline_grown" in {getattr(r, "action", "") for r in caplog.records}


def test_what_an_alert_lived_in_never_joins(store: Store, traffic: Traffic) -> None:
    """The fault fills a part of every day, and is quiet long enough for its alert to end."""
    for k in range(6):
        traffic.fault(5, 30 + 3 * k)
        traffic.quiet(15, 60 + 3 * k)
        monitor(store, settings=GROWING).turn()
    assert [alert.segment for alert in store.alerts(STREAM)][-1] == "camera=1"
    found = rows(store)
    assert (found["camera=1"].grown, found["*"].grown) == (0, 0)
    assert found["camera=2"].grown > 0


def test_nothing_joins_where_the_settings_say_so(store: Store, traffic: Traffic) -> None:
    traffic.quiet(100, 20)
    monitor(store, settings=OFF).turn()
    assert all(row.grown == 0 for row in rows(store).values())


def test_the_windows_of_baselines_are_not_kept_in_memory(store: Store, traffic: Traffic) -> None:
    judge = monitor(store, lacking="camera=2", settings=GROWING)
    traffic.quiet(110, 20)
    judge.turn()
    found = judge._judging.memory.baselines
    assert rows(store)["camera=2"].source == "learnt"
    assert rows(store)["camera=1"].grown > 0
    assert [name for name, baseline in found.items() if baseline.known is not None] == []


def test_trouble_that_is_told_late_does_not_hide_a_later_one() -> None:
    memory = SegmentMemory(growth=Growth(START + DAY))
    memory.note_trouble(START + 5 * MINUTE)
    memory.note_trouble(START)
    assert memory.growth is not None
    assert memory.growth.troubled_at == START + 5 * MINUTE
    assert SegmentMemory.load(memory.dump()).growth == memory.growth


class FromStart(Replay):
    """Also without what has grown: it measures the baselines itself, and keeps them."""

    def __init__(self, store: Store, traffic: Traffic) -> None:
        super().__init__(store, traffic)
        self.kept: dict[str, SegmentBaseline] = {}

    def baselines(
        self, *_: object, segment: str | None = None, **__: object
    ) -> list[SegmentBaseline]:
        return [row for row in self.kept.values() if segment in (None, row.segment)]

    def baseline_revisions(self, *_: object) -> dict[str, int]:
        return dict.fromkeys(self.kept, 1)

    def write_baselines(
        self, stream: str, detector: str, baselines: Sequence[SegmentBaseline]
    ) -> None:
        self.kept |= {row.segment: replace(row, revision=1) for row in baselines}


def test_a_restart_at_every_window_and_a_replay_at_once_grow_the_same_baselines_and_evidence(
    store: Store, traffic: Traffic, caplog: pytest.LogCaptureFixture
) -> None:
    for k in range(70):
        traffic.quiet(1, 60 + k)
        monitor(store, settings=GROWING).turn()
    kept, stepwise = store.segment_states(STREAM, DETECTOR), rows(store)
    assert stepwise["camera=1"].revision >= 3, "it grew more than once"
    assert "evidence_restarted" not in {getattr(r, "action", "") for r in caplog.records}

    replay = FromStart(store, traffic)
    monitor(replay, settings=GROWING).turn()  # type: ignore[arg-type]  # stands in for the store
    (judgement,) = replay.judged
    at_once = {row.segment: row for row in judgement.baselines}
    for name in CAMERAS:
        assert at_once[name].measured == stepwise[name].measured
        assert at_once[name].reference == stepwise[name].reference
        assert at_once[name].grown_until == stepwise[name].grown_until
    pairs = zip(sorted(judgement.states, key=by_key), sorted(kept, key=by_key), strict=True)
    for mine, theirs in pairs:
        assert (mine.segment, mine.test, mine.content) == (
            theirs.segment,
            theirs.test,
            theirs.content,
        )


def test_a_turn_that_dies_before_it_is_written_grows_nothing_twice(
    store: Store, traffic: Traffic
) -> None:
    class Dying:
        def __getattr__(self, name: str) -> object:
            return getattr(store, name)

        def judge(self, judgement: Judgement) -> list[AlertRecord]:
            raise KeyboardInterrupt

    judge = monitor(store, settings=GROWING)
    traffic.quiet(30, 20)
    judge.turn()
    traffic.quiet(30, 30)
    judge._store, known = Dying(), judge._store  # type: ignore[assignment]  # dies
    with pytest.raises(KeyboardInterrupt):
        judge.turn()
    assert rows(store)["camera=1"].grown == 0
    judge._store = known
    judge.turn()
    grown = {name: row.grown for name, row in rows(store).items()}
    assert 0 < grown["camera=1"] <= 30
    traffic.quiet(1, 70)
    monitor(store, settings=GROWING).turn()
    assert {name: row.grown for name, row in rows(store).items()} == grown


def test_a_change_is_told_against_a_baseline_that_has_grown(store: Store, traffic: Traffic) -> None:
    traffic.quiet(90, 20)
    traffic.fault(4, 50)
    monitor(store, settings=GROWING).turn()
    assert live(store) == [("camera=1", "open")]


class Days:
    """One segment's growth by days that a test chooses, without a database."""

    def __init__(self, anchor: Counts) -> None:
        self.day = anchor
        found = learn_baseline(anchor)
        assert found is not None
        self.baseline, self.number = found, 0
        row = to_stored("a", found, SETTINGS.tests, source="learnt", made_by="monitor")
        settings = replace(SETTINGS, grow_after=DAY)
        self.growing = Growing(
            settings, reference={}, read=lambda *_: self.day, read_baseline=lambda _: row
        )
        self.growth, _ = self.growing.advance("a", START, None, found)

    def pass_by(self, day: Counts) -> int:
        """Let a day with these windows join if it may; return how many windows have grown."""
        self.day = day
        assert self.growth is not None
        at = self.growth.due
        self.growth, self.baseline = self.growing.advance("a", at, self.growth, self.baseline)
        row = self.growing.grown.get("a")
        return row.grown if row else 0


def test_a_slow_drift_is_not_absorbed_but_told(caplog: pytest.LogCaptureFixture) -> None:
    """By a tenth of a deviation a day: nothing joins from where it is far from the first baseline."""
    one = Days(stream(60, 1))
    grown = [one.pass_by(stream(40, 10 + k, shift=0.1 * k)) for k in range(9)]
    assert grown[0] > 0
    assert grown[-1] == grown[3], "by then it is beyond what may join"
    assert one.growth is not None
    assert one.growth.days_outside >= 5
    told = [r for r in caplog.records if getattr(r, "action", "") == "baseline_outside"]
    assert len(told) == one.growth.days_outside // 3
    assert "has drifted from its first baseline for 3 days" in told[0].getMessage()
    one.pass_by(stream(40, 30))
    assert one.growth.days_outside == 0


def test_a_baseline_grows_to_four_times_its_anchor_at_most() -> None:
    one = Days(stream(40, 1))
    grown = [one.pass_by(stream(60, 10 + k)) for k in range(16)]
    assert grown[0] == 10
    assert grown[-1] == MOST_TIMES * 40


def test_each_component_grows_by_its_own_windows() -> None:
    known = KnownWindows.of(days(2, 1))
    wider, shift = with_day(known, days(1, 30), 0.25, number=3)
    assert [wider.grown_of(n) for n in (0, 1)] == [10, 10]
    assert shift < MOST_SHIFT
    night = wider.windows[wider.is_grown & (wider.component_of == 1)]
    assert night[..., :6].sum() > 3 * stream(10, 2)[..., :6].sum()


def test_a_night_never_seen_does_not_join() -> None:
    known = KnownWindows.of(stream(60, 1))
    with_night = np.concatenate([stream(20, 2), stream(20, 3, shift=NIGHT)])
    assert with_day(known, with_night, 0.25, number=0)[1] > MOST_SHIFT


def test_segments_are_due_at_different_times() -> None:
    dues = {Growth.first(f"camera={n}", START, DAY).due for n in range(40)}
    assert len(dues) > 35
    assert min(dues) >= START + 2 * DAY
    assert max(dues) <= START + 3 * DAY
    one = Growth.first("camera=1", START, DAY)
    assert Growth.load(one.dump()) == one
    assert one.next_due(one.due) == one.due + DAY
    assert one.next_due(one.due + 3 * DAY) == one.due + 4 * DAY


def test_growing_keeps_the_budget_and_still_tells_faults_and_a_ramp() -> None:
    """Four references; the first alarm after ten quiet days, or on the way to twenty per cent."""
    references = {str(seed): simulated(128, 64, seed, 0.9) for seed in range(4)}
    begins = 10 * growing_runs.DAY
    fault = np.concatenate([np.zeros(begins), np.full(60, 0.1)])
    ramp = np.concatenate([np.zeros(begins), np.linspace(0.0, 0.2, begins)])
    for hit, within in ((fault, 30), (ramp, 0.4 * begins)):
        live = {name: simulated(len(hit), 64, 50 + int(name), 0.9, hit) for name in references}
        courses = grow_and_judge(references, live, 1000.0, grows=True).values()
        assert sum(alarm < begins for course in courses for alarm in course.alarms) <= 4
        assert all(course.joined >= 5 for course in courses)
        first = [next(a for a in course.alarms if a >= begins) - begins for course in courses]
        assert float(np.median(first)) <= within
