"""Rates, evidence, detectors, leases and streams, on both databases."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import update

from driftgauge.storage import (
    Database,
    DetectorRecord,
    Period,
    RateRow,
    RecordConflict,
    Store,
    StreamRecord,
    WindowRecord,
)
from driftgauge.storage.tables import evidence as evidence_table

from ..stores import START, STREAM, HandClock, advance, alert, evidence, flush, window

SECOND = timedelta(seconds=1)


def random_windows(seed: int) -> list[WindowRecord]:
    rng = np.random.default_rng(seed)
    return [
        window(
            rng.integers(0, 50, 18).tolist(),
            minute=minute,
            segment=segment,
            layer=layer,
            left_out=(int(rng.integers(50, 900)), int(rng.integers(0, 50))),
        )
        for minute in sorted(rng.choice(4000, 40, replace=False).tolist())
        for segment in ("*", "camera=3")
        for layer in ("*", "blocks.1")
    ]


def expected(rows: list[WindowRecord], seconds: int) -> list[RateRow]:
    """Roll up in Python what SQL should."""
    sums: dict[tuple[datetime, str], np.ndarray[tuple[int], np.dtype[np.int64]]] = {}
    for row in rows:
        stamp = int(row.window_start.timestamp()) // seconds * seconds
        key = (datetime.fromtimestamp(stamp, UTC), row.segment)
        found = np.array([*row.counts, row.left_out, row.left_out_ood])
        sums[key] = sums.get(key, np.zeros(20, np.int64)) + found
    return [
        RateRow(start, segment, "*", "detector-1", int(n[:18].sum()), int(n[:5].sum()),
                (n[:5].sum() + n[19]) / n[:19].sum(), int(n[:19].sum()))
        for (start, segment), n in sorted(sums.items())
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("period", "seconds"), [("window", 60), ("minute", 60), ("hour", 3600), ("day", 86400)]
)
def test_rates_agree_with_numpy_over_random_windows(
    store: Store, period: Period, seconds: int
) -> None:
    rows = random_windows(seconds)
    store.flush(flush(advance(None, 1), windows=rows))
    pooled = [row for row in rows if row.layer == "*"]
    assert store.rates(STREAM, period=period) == expected(pooled, seconds)


def test_rates_can_be_narrowed(store: Store) -> None:
    store.flush(flush(advance(None, 1), windows=random_windows(1)))
    everything = store.rates(STREAM, layer=None)
    camera = store.rates(STREAM, segment="camera=3", layer="blocks.1")
    assert camera == [
        row for row in everything if (row.segment, row.layer) == ("camera=3", "blocks.1")
    ]
    assert store.rates(STREAM, limit=3) == store.rates(STREAM)[-3:]
    half = camera[len(camera) // 2].period_start
    middle = half + timedelta(minutes=30)
    narrowed = store.rates(STREAM, segment="camera=3", layer="blocks.1", since=middle)
    assert narrowed == [row for row in camera if row.period_start >= half]


def test_windows_without_events_have_no_rate(store: Store) -> None:
    store.flush(flush(advance(None, 1), windows=[window({})]))
    assert store.rates(STREAM) == []


def test_events_are_counted_once_whatever_the_layers(store: Store) -> None:
    rows = random_windows(2)
    store.flush(flush(advance(None, 1), windows=rows))
    wanted = {
        segment: sum(r.events for r in rows if (r.segment, r.layer) == (segment, "*"))
        for segment in ("*", "camera=3")
    }
    assert store.event_counts(STREAM) == wanted


def test_evidence_is_read_back_most_unusual_first(store: Store) -> None:
    kept = [evidence(1, p=0.01), evidence(2, p=0.0001, thumbnail=None), evidence(3, p=0.001)]
    store.flush(flush(advance(None, 4), evidence=kept))
    assert store.evidence(STREAM) == [kept[1], kept[2], kept[0]]
    assert store.evidence(STREAM, limit=1) == [kept[1]]
    assert store.evidence(STREAM, segment="camera=3") == []


def test_evidence_is_found_by_kind_and_time(store: Store) -> None:
    unusual = [evidence(k, minute=k) for k in range(4)]
    typical = [evidence(k, minute=k, kind="typical", p=0.5 + k / 10) for k in range(4)]
    store.flush(flush(advance(None, 4), evidence=[*unusual, *typical]))
    found = store.evidence(
        STREAM, kind="unusual", since=unusual[1].event_time, until=unusual[3].event_time
    )
    assert sorted(row.offset for row in found) == [1, 2]
    assert store.evidence(STREAM, kind="typical") == typical[::-1]


def test_an_event_is_kept_once_for_a_segment(store: Store) -> None:
    store.flush(flush(advance(None, 1), evidence=[evidence(0), evidence(0)]))
    assert len(store.evidence(STREAM)) == 1


def test_each_picture_of_one_message_may_be_kept(store: Store) -> None:
    kept = [evidence(0, item=item, p=0.01 + item / 100) for item in range(3)]
    store.flush(flush(advance(None, 1), evidence=[*kept, kept[1]]))
    assert store.evidence(STREAM) == kept


def test_evidence_is_pruned_by_when_it_was_kept_then_by_size(
    store: Store, clock: HandClock
) -> None:
    """An archive is read: its events are of long ago, and its alerts have pictures as any other."""
    kept = [evidence(k, minute=k - 6e5, thumbnail=b"x" * 100) for k in range(10)]
    kept.append(evidence(10, minute=10 - 6e5, thumbnail=None))
    for row in kept:
        store.flush(flush(advance(row.offset or None, row.offset + 1), evidence=[row]))
        clock.advance(60)
    before = START + timedelta(minutes=3)
    assert store.upkeep.prune_evidence(STREAM, before=before, max_bytes=10_000) == 3
    assert store.upkeep.prune_evidence(STREAM, before=before, max_bytes=450) == 3
    assert sorted(row.offset for row in store.evidence(STREAM)) == [6, 7, 8, 9, 10]
    assert store.upkeep.prune_evidence(STREAM, before=before, max_bytes=450) == 0


def test_evidence_that_an_earlier_version_kept_is_pruned_by_the_date_of_its_event(
    store: Store, database: Database
) -> None:
    store.flush(flush(advance(None, 3), evidence=[evidence(k, minute=k) for k in range(3)]))
    with database.write() as connection:
        connection.execute(update(evidence_table).values(kept_at=None))
    before = START + timedelta(minutes=2)
    assert store.upkeep.prune_evidence(STREAM, before=before, max_bytes=10_000) == 2
    assert [row.offset for row in store.evidence(STREAM)] == [2]


def test_one_detector_is_active_per_stream(store: Store) -> None:
    store.ensure_stream("line-4", "images", 60)
    first = DetectorRecord("d1", STREAM, "file:d1", START, "active", {"layers": ["blocks.1"]})
    second = replace(first, detector="d2", created_at=START + SECOND)
    idle = replace(first, detector="d3", status="candidate")
    assert store.active_detector(STREAM) is None
    for record in (first, second, idle, replace(first, stream="line-4")):
        store.register_detector(record)
    assert store.active_detector(STREAM) == second
    assert store.detectors(STREAM) == [second, replace(first, status="retired"), idle]
    assert store.active_detector("line-4") == replace(first, stream="line-4")


def test_registering_a_detector_again_updates_it(store: Store) -> None:
    record = DetectorRecord("d1", STREAM, "file:old", START, status="active", manifest={"n": 1})
    store.register_detector(record)
    moved = replace(record, uri="file:new", manifest={"n": 2}, created_at=START + SECOND)
    store.register_detector(replace(moved, status="candidate"))
    assert store.detectors(STREAM) == [replace(moved, created_at=START)]


def test_a_lease_is_held_by_one_until_it_expires(store: Store, clock: HandClock) -> None:
    def take(holder: str, at: float) -> bool:
        clock.at = START + at * SECOND
        return store.acquire_lease("monitor", holder, ttl_seconds=30)

    assert take("a", 0)
    assert not take("b", 29)
    assert take("a", 20)  # renewed until 50
    assert not take("b", 49)
    assert take("b", 50)
    assert not take("a", 51)


def test_leases_are_timed_by_the_database_and_not_by_agents(database: Database) -> None:
    store = Store(database)  # no clock of its own
    assert store.acquire_lease("monitor", "a", ttl_seconds=3600)
    assert not store.acquire_lease("monitor", "b", ttl_seconds=3600)
    assert store.acquire_lease("brief", "a", ttl_seconds=0)
    assert store.acquire_lease("brief", "b", ttl_seconds=0)


def test_a_lease_does_not_outlive_a_clock_that_is_set_back(store: Store, clock: HandClock) -> None:
    assert store.acquire_lease("monitor", "a", ttl_seconds=30)
    clock.advance(-3600)
    assert store.acquire_lease("monitor", "b", ttl_seconds=30)
    assert not store.acquire_lease("monitor", "a", ttl_seconds=30)


def test_a_lease_is_given_back_by_its_holder_only(store: Store) -> None:
    assert store.acquire_lease("monitor", "a", ttl_seconds=30)
    store.release_lease("monitor", "b")
    assert not store.acquire_lease("monitor", "b", ttl_seconds=30)
    store.release_lease("monitor", "a")
    assert store.acquire_lease("monitor", "b", ttl_seconds=30)
    assert store.acquire_lease("retrain", "a", ttl_seconds=30)


def test_of_many_who_want_a_free_lease_one_gets_it(store: Store) -> None:
    gate = threading.Barrier(4)
    got: list[str] = []

    def take(holder: str) -> None:
        gate.wait()
        if store.acquire_lease("monitor", holder, ttl_seconds=30):
            got.append(holder)

    threads = [threading.Thread(target=take, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1


def test_a_stream_may_change_its_topic_but_not_its_windows(store: Store) -> None:
    store.ensure_stream(STREAM, "images-2", 60)
    assert store.streams() == [StreamRecord(STREAM, "images-2", 60, START)]
    with pytest.raises(RecordConflict, match="windows of 60 s, not 30") as caught:
        store.ensure_stream(STREAM, "images", 30)
    assert "[windows] seconds = 60" in caught.value.hint
    assert store.streams() == [StreamRecord(STREAM, "images-2", 60, START)]


def test_times_without_a_zone_are_refused(store: Store) -> None:
    naive = replace(window({0: 1}), window_start=START.replace(tzinfo=None))
    with pytest.raises(Exception, match="without a time zone"):
        store.flush(flush(advance(None, 1), windows=[naive]))
    assert store.partitions(STREAM) == []


def test_times_come_back_in_utc_to_the_microsecond(store: Store) -> None:
    moment = datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC)
    tokyo = moment.astimezone(datetime.strptime("+0900", "%z").tzinfo)
    store.flush(flush(advance(None, 1, event_time_max=tokyo)))
    found = store.partitions(STREAM)[0].event_time_max
    assert found == moment
    assert found.tzinfo is UTC


def test_alerts_of_a_stream_that_is_unknown_are_refused(store: Store) -> None:
    from driftgauge.storage import Judgement, MonitorState

    with pytest.raises(RecordConflict):
        store.judge(Judgement("other", None, MonitorState(START, ""), [alert(stream="other")]))
