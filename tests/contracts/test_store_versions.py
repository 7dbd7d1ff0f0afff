"""Detector versions change their status one way, whole, and with a history, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from driftgauge.storage import (
    CountsBeside,
    DetectorRecord,
    HeartbeatRecord,
    Judgement,
    MonitorState,
    RecordConflict,
    SegmentBaseline,
    ShadowRate,
    Store,
    activations,
)

from ..stores import DETECTOR, START, STREAM, HandClock, advance, alert, flush, window

HOUR = timedelta(hours=1)
BEAT = HeartbeatRecord(agent="a", stream=STREAM, host="box", version="1", condition="running")


@pytest.fixture
def versions(store: Store) -> Store:
    """Give a store with three versions, of which the first is active."""
    for number, status in ((1, "active"), (2, "candidate"), (3, "candidate")):
        name, at = f"detector-{number}", START + number * HOUR
        record = DetectorRecord(name, STREAM, f"file:{name}", at, "candidate", {})
        store.register_detector(replace(record, status=status))  # type: ignore[arg-type]  # one of them
    return store


def statuses(store: Store) -> dict[str, str]:
    return {one.detector[-1]: one.status for one in store.detectors(STREAM)}


def test_a_promotion_retires_the_active_one_and_says_who_and_why(
    versions: Store, clock: HandClock
) -> None:
    clock.advance(60)
    versions.versions.promote(STREAM, "detector-2", by="ann", note="new lenses")
    assert statuses(versions) == {"1": "retired", "2": "active", "3": "candidate"}
    *_, replaced, promoted = versions.versions.changes(STREAM)
    assert (replaced.detector, replaced.action, replaced.note) == (
        "detector-1",
        "replaced",
        "by detector-2: new lenses",
    )
    assert (promoted.from_status, promoted.to_status) == ("candidate", "active")
    assert (promoted.actor, promoted.note) == ("ann", "new lenses")
    assert promoted.changed_at == START + timedelta(seconds=60)


def test_rollbacks_go_back_one_by_one_and_no_further_than_the_first(versions: Store) -> None:
    for name in ("detector-2", "detector-3"):
        versions.versions.promote(STREAM, name, by="ann")
    left, target = versions.versions.rollback(STREAM, by="bob", note="too many alarms")
    assert (left.detector, left.status) == ("detector-3", "retired")
    assert (target.detector, target.status) == ("detector-2", "active")
    assert versions.versions.rollback(STREAM, by="bob")[1].detector == "detector-1"
    with pytest.raises(RecordConflict, match="none was active before detector-1"):
        versions.versions.rollback(STREAM, by="bob")
    assert statuses(versions) == {"1": "active", "2": "retired", "3": "retired"}


def test_what_was_rolled_back_is_no_rollback_s_target_until_it_is_promoted_again(
    versions: Store,
) -> None:
    versions.versions.promote(STREAM, "detector-2", by="ann")
    versions.versions.rollback(STREAM, by="ann")
    versions.versions.promote(STREAM, "detector-3", by="ann")
    assert activations(versions.versions.changes(STREAM)) == ["detector-1", "detector-3"]
    assert versions.versions.rollback(STREAM, by="ann")[1].detector == "detector-1"


def test_one_shadow_at_a_time_and_never_alone(versions: Store) -> None:
    assert versions.versions.shadow_of(STREAM) is None
    versions.versions.shadow(STREAM, "detector-2", by="gate", note="passed")
    versions.versions.shadow(STREAM, "detector-3", by="gate")
    assert statuses(versions) == {"1": "active", "2": "retired", "3": "shadow"}
    last = versions.versions.changes(STREAM, "detector-2")[-1]
    assert (last.action, last.note) == ("superseded", "by detector-3")
    with pytest.raises(RecordConflict, match="it is active"):
        versions.versions.shadow(STREAM, "detector-1", by="ann")
    versions.ensure_stream("line-9", "images", 60)
    alone = DetectorRecord("d", "line-9", "file:d", START, "candidate", {})
    versions.register_detector(alone)
    with pytest.raises(RecordConflict, match="would score alone"):
        versions.versions.shadow("line-9", "d", by="ann")


def test_a_refused_one_is_used_only_by_force(versions: Store) -> None:
    versions.versions.refuse(STREAM, "detector-2", by="gate", note="rate 0.4 outside 0.1 to 0.2")
    for use in (versions.versions.promote, versions.versions.shadow):
        with pytest.raises(RecordConflict, match="was refused"):
            use(STREAM, "detector-2", by="ann")
    versions.versions.promote(STREAM, "detector-2", by="ann", even_refused=True)
    with pytest.raises(RecordConflict, match="active and cannot be refused"):
        versions.versions.refuse(STREAM, "detector-2", by="ann", note="")


@pytest.mark.parametrize("method", ["promote", "shadow", "refuse"])
def test_an_unknown_one_is_a_conflict(versions: Store, method: str) -> None:
    change: Callable[..., object] = getattr(versions.versions, method)
    with pytest.raises(RecordConflict, match="has no detector 'detector-9'"):
        change(STREAM, "detector-9", by="ann", note="")


def test_the_active_one_is_not_promoted_again(versions: Store) -> None:
    with pytest.raises(RecordConflict, match="is active already"):
        versions.versions.promote(STREAM, "detector-1", by="ann")


def test_a_version_registered_again_keeps_its_status(versions: Store) -> None:
    (known,) = (one for one in versions.detectors(STREAM) if one.active)
    versions.register_detector(replace(known, status="candidate"))
    versions.register_detector(replace(known, status="refused"))
    assert statuses(versions)["1"] == "active"


def test_a_pruned_one_can_be_used_by_nobody(versions: Store) -> None:
    versions.versions.promote(STREAM, "detector-2", by="ann")
    versions.versions.note_pruned(STREAM, "detector-1", by="ann")
    with pytest.raises(RecordConflict, match="was deleted at"):
        versions.versions.rollback(STREAM, by="ann")
    with pytest.raises(RecordConflict, match="was deleted at"):
        versions.versions.promote(STREAM, "detector-1", by="ann")
    assert statuses(versions) == {"1": "retired", "2": "active", "3": "candidate"}


def test_live_alerts_live_on_and_name_both_detectors(versions: Store) -> None:
    state = MonitorState(START, "{}")
    gone = alert(segment="camera=9", state="resolved", resolved_at=START)
    live, ended = versions.judge(Judgement(STREAM, None, state, [alert(), gone]))
    versions.versions.promote(STREAM, "detector-2", by="ann")
    found = versions.alert(live.id or 0)
    assert found is not None
    assert (found.state, found.detectors) == ("open", (DETECTOR, "detector-2"))
    assert versions.transitions(live.id or 0)[-1].note == (
        "judged by detector detector-2 from now on, which was promoted"
    )
    of_ended = versions.alert(ended.id or 0)
    assert of_ended is not None
    assert of_ended.judged_by is None
    versions.versions.rollback(STREAM, by="ann")
    found = versions.alert(live.id or 0)
    assert found is not None
    assert found.detectors == (DETECTOR,)


def test_figures_are_of_each_version(versions: Store, clock: HandClock) -> None:
    versions.flush(flush(advance(None, 100), windows=[window({0: 10, 17: 90})]))
    versions.judge(Judgement(STREAM, None, MonitorState(START, "{}"), [alert()]))
    clock.advance(5)
    own, other = (versions.versions.figures(STREAM)[f"detector-{n}"] for n in (1, 2))
    assert (own.events, own.ood_rate, own.alerts, own.live_alerts) == (100, 0.1, 1, 1)
    assert own.waiting_seconds == 5
    assert (other.events, other.ood_rate, other.alerts, other.live_alerts) == (0, None, 0, 0)
    assert other.waiting_seconds is None
    assert versions.versions.count_windows(STREAM, DETECTOR) == 1
    assert versions.versions.count_windows(STREAM, "detector-2") == 0


def test_an_agent_tells_since_when_it_scores_with_what(store: Store, clock: HandClock) -> None:
    store.heartbeat(replace(BEAT, detector="d1"))
    clock.advance(10)
    store.heartbeat(replace(BEAT, detector="d1", shadow="d2", detector_problem="no such folder"))
    (found,) = store.agents(STREAM)
    assert (found.detector, found.detector_at, found.shadow) == ("d1", START, "d2")
    assert found.detector_problem == "no such folder"
    store.heartbeat(replace(BEAT, detector="d2"))
    (found,) = store.agents(STREAM)
    assert (found.detector, found.detector_at) == ("d2", START + timedelta(seconds=10))


def test_what_a_shadow_counts_enters_no_sum_and_its_baselines_are_taken_over(
    versions: Store, clock: HandClock
) -> None:
    versions.versions.shadow(STREAM, "detector-2", by="gate")
    beside = [CountsBeside("shadow~detector-2", [window({0: 50, 17: 50})])]
    own = flush(advance(None, 100), windows=[window({0: 10, 17: 90})])
    versions.flush(replace(own, beside=beside))
    assert versions.event_counts(STREAM) == {"*": 100}
    assert [row.detector for row in versions.rates(STREAM, period="window")] == [DETECTOR]
    assert [row.events for row in versions.arrivals(STREAM).segments] == [100]
    counts = versions.p_value_counts(STREAM, period="window", segment="*")
    assert [sum(each) for _, each in counts] == [100]
    (kept,) = versions.windows(STREAM, "shadow~detector-2", after=None, until=START + HOUR)
    assert kept.events == 100
    (compared,) = versions.versions.shadow_rates(
        STREAM, active=DETECTOR, shadow="detector-2", since=START - HOUR
    )
    assert compared == ShadowRate("*", 100, 0.1, 0.5)
    learnt = SegmentBaseline(
        segment="*",
        source="learnt",
        made_by="monitor",
        events=100,
        effective_events=100.0,
        windows=1,
        tests=(),
        measured=b"",
    )
    versions.write_baselines(STREAM, "shadow~detector-2", [learnt])
    versions.versions.promote(STREAM, "detector-2", by="ann")
    (taken,) = versions.baselines(STREAM, "detector-2")
    assert (taken.segment, taken.source) == ("*", "shadow")
