"""Heartbeats, topics by their id, alpha and segments, on both databases."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import pytest

from driftgauge.storage import (
    Database,
    HeartbeatRecord,
    RecordConflict,
    StaleFlush,
    Store,
)

from ..stores import START, STREAM, TOPIC, HandClock, advance, evidence, flush, window

SECOND = timedelta(seconds=1)
BEAT = HeartbeatRecord(
    agent="box/7/5f0c",
    stream=STREAM,
    host="box",
    version="1.2",
    condition="running",
    flushed_seconds_ago=2.5,
    lag_messages=40,
    lag_seconds=1.5,
    dead_letters=3,
    dead_letter_reason="not an image",
    detector="detector-1",
)


def test_an_agent_is_known_by_its_last_heartbeat(store: Store, clock: HandClock) -> None:
    store.heartbeat(replace(BEAT, flushed_seconds_ago=None, condition="starting"))
    clock.advance(10)
    store.heartbeat(BEAT)
    clock.advance(5)
    (found,) = store.agents(STREAM)
    told = asdict(BEAT)
    del told["flushed_seconds_ago"]
    assert asdict(found) == {
        **told,
        "started_at": START,
        "seen_at": START + 10 * SECOND,
        "seen_seconds_ago": 5.0,
        "last_flush_at": START + 7.5 * SECOND,
        "detector_at": START,
    }


def test_heartbeats_are_dated_by_the_database_s_own_clock(database: Database) -> None:
    store = Store(database)
    store.ensure_stream(STREAM, TOPIC, 60)
    store.heartbeat(BEAT)
    (found,) = store.agents(STREAM)
    assert 0 <= found.seen_seconds_ago < 60
    assert abs(datetime.now(UTC) - found.seen_at) < 60 * SECOND
    assert found.started_at == found.seen_at


def test_agents_of_one_host_and_process_id_stand_beside_each_other(
    store: Store, clock: HandClock
) -> None:
    store.heartbeat(BEAT)
    clock.advance(1)
    store.heartbeat(replace(BEAT, agent="box/7/a11e"))
    assert [row.agent for row in store.agents(STREAM)] == ["box/7/a11e", "box/7/5f0c"]
    assert store.agents("other") == []


def test_an_agent_that_leaves_is_gone_with_its_leases(store: Store) -> None:
    store.heartbeat(BEAT)
    assert store.acquire_lease("monitor", BEAT.agent, ttl_seconds=3600)
    assert store.acquire_lease("retrain", "another", ttl_seconds=3600)
    store.leave(BEAT.agent)
    store.leave(BEAT.agent)
    assert store.agents(STREAM) == []
    assert store.acquire_lease("monitor", "another", ttl_seconds=3600)
    assert not store.acquire_lease("retrain", BEAT.agent, ttl_seconds=3600)


def test_an_agent_that_was_killed_stays_for_a_week(store: Store, clock: HandClock) -> None:
    store.heartbeat(BEAT)
    for days, remains in ((6, True), (8, False)):
        clock.at = START + timedelta(days=days)
        store.heartbeat(replace(BEAT, agent="its successor"))
        assert (BEAT.agent in [row.agent for row in store.agents(STREAM)]) is remains


def test_a_heartbeat_of_an_unknown_stream_says_what_to_do(store: Store) -> None:
    with pytest.raises(RecordConflict) as caught:
        store.heartbeat(replace(BEAT, stream="other"))
    assert caught.value.hint == "register the stream first: Store.ensure_stream"


def test_offsets_keep_the_id_of_their_topic(store: Store) -> None:
    store.flush(flush(replace(advance(None, 5), topic_id="first")))
    store.flush(flush(advance(5, 6)))
    assert [row.topic_id for row in store.partitions(STREAM)] == ["first"]


def test_a_topic_made_anew_is_told_from_the_one_that_was_counted(store: Store) -> None:
    store.flush(flush(replace(advance(None, 5), topic_id="first")))
    store.flush(flush(advance(None, 9, partition=1)))
    assert store.note_topic(STREAM, TOPIC, "second") == "first"
    assert [row.topic_id for row in store.partitions(STREAM)] == ["first", None]
    assert store.note_topic(STREAM, TOPIC, "first") is None
    assert [row.topic_id for row in store.partitions(STREAM)] == ["first", "first"]


def test_counts_of_another_topic_s_offsets_are_refused(store: Store) -> None:
    store.flush(flush(replace(advance(None, 5), topic_id="first")))
    late = flush(replace(advance(5, 9), topic_id="second"), windows=[window({0: 1})])
    with pytest.raises(StaleFlush, match=r"topic with id first.*topic with id second; nothing"):
        store.flush(late)
    assert store.rates(STREAM) == []
    assert store.partitions(STREAM)[0].next_offset == 5


def test_an_accepted_topic_is_read_from_its_first_record(store: Store) -> None:
    store.first_partitions(STREAM, 2)
    for partition, topic_id in ((0, "first"), (1, None), (2, "second")):
        step = advance(None, 5, partition=partition)
        store.flush(flush(replace(step, topic_id=topic_id), windows=[window({9: 5})]))
    assert store.accept_topic(STREAM, TOPIC, "second") == 2
    assert [row.partition for row in store.partitions(STREAM)] == [2]
    assert store.first_partitions(STREAM, 3) == 0
    assert store.note_topic(STREAM, TOPIC, "second") is None
    assert store.event_counts(STREAM) == {"*": 15}  # what was counted stays


def test_an_event_of_a_new_topic_is_kept_though_an_old_one_had_its_offset(store: Store) -> None:
    store.flush(flush(advance(None, 1), evidence=[evidence(0)]))
    later = evidence(0, minute=90, event_id="of the new topic")
    store.flush(flush(advance(1, 2), evidence=[later, later]))
    assert {row.event_id for row in store.evidence(STREAM)} == {"event-0", "of the new topic"}


def test_rates_follow_the_stream_s_alpha_of_the_past_as_well(store: Store) -> None:
    counts = list(range(1, 19))
    store.flush(flush(advance(None, 171), windows=[window(counts)]))
    for alpha, n in ((0.01, 5), (0.0001, 1), (0.1, 8)):
        store.ensure_stream(STREAM, TOPIC, 60, alpha=alpha)
        (row,) = store.rates(STREAM)
        assert (row.alpha, row.ood_events) == (alpha, sum(counts[:n]))
        assert row.ood_rate == sum(counts[:n]) / sum(counts)
        assert store.streams()[0].alpha == alpha


def test_what_sampling_left_out_is_estimated_anew_when_alpha_changes(store: Store) -> None:
    sampled = window({0: 2, 5: 3, 17: 5}, left_out=(90, 18))  # one in ten was scored
    store.flush(flush(advance(None, 100), windows=[sampled, window({0: 1}, minute=1)]))
    store.ensure_stream(STREAM, TOPIC, 60, alpha=0.02)
    first, second = store.rates(STREAM, period="minute")
    assert (first.ood_events, first.ood_rate, first.represented) == (5, 0.5, 100)
    assert second.ood_rate == 1.0


def test_alpha_must_be_an_edge_of_the_bins(store: Store) -> None:
    with pytest.raises(
        ValueError, match=r"the rate is not available at alpha =  0\.04; wanted one of"
    ):
        store.ensure_stream(STREAM, TOPIC, 60, alpha=0.04)


def test_every_segment_is_known_after_a_restart(store: Store, database: Database) -> None:
    names = ["*", "camera=3", "camera=4", "camera=\N{KATAKANA LETTER KA}", "line=a"]
    rows = [
        window({0: 1}, minute=minute, segment=name, layer=layer)
        for minute in range(3)
        for name in names
        for layer in ("*", "blocks.1")
    ]
    assert store.segments(STREAM) == {}
    store.flush(flush(advance(None, 1), windows=rows))
    found = Store(database).segments(STREAM)
    assert list(found) == sorted(names)
    assert set(found.values()) == {START + timedelta(minutes=2)}
    assert store.segments("other") == {}
