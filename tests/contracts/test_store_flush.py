"""The delivery promise, on both databases."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from functools import partial

import numpy as np
import pytest

from driftgauge.storage import (
    CountsBeside,
    Database,
    FlushRecord,
    OffsetAdvance,
    RecordConflict,
    ScoreSummary,
    StaleFlush,
    Store,
    WindowRecord,
)

from ..stores import (
    DETECTOR,
    START,
    STREAM,
    TOPIC,
    HandClock,
    advance,
    evidence,
    flush,
    window,
)

LATER = START + timedelta(days=1)


def all_windows(store: Store) -> list[WindowRecord]:
    return store.windows(STREAM, DETECTOR, after=None, until=LATER)


def test_a_flush_is_read_back_as_it_was_written(store: Store) -> None:
    written = window(
        range(18),
        segment="camera=3",
        layer="blocks.1",
        scores=(9.5, 7.0),
        left_out=(30, 2),
    )
    store.flush(flush(advance(None, 17), windows=[written]))
    assert all_windows(store) == [written]
    assert store.offsets(STREAM, frozenset({(TOPIC, 0), (TOPIC, 1)})) == {(TOPIC, 0): 17}


def test_counts_add_over_flushes_of_the_same_window(store: Store) -> None:
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 1000, (5, 18))
    for step, row in enumerate(counts):
        start = step * 10 if step else None
        added = window(row.tolist(), scores=(1.5, 1.0), left_out=(7, 2))
        moved = advance(start, step * 10 + 10, sampled_out=3)
        store.flush(flush(moved, windows=[added]))
    (found,) = all_windows(store)
    assert (found.left_out, found.left_out_ood) == (35, 10)
    assert [row.sampled_out for row in store.partitions(STREAM)] == [15]
    assert found.counts == tuple(counts.sum(axis=0))
    assert found.events == counts.sum()
    assert found.score_sum == 7.5


def test_the_largest_score_is_that_of_all_flushes(store: Store) -> None:
    for start, end, largest in ((None, 1, 5.0), (1, 2, 3.0), (2, 3, 9.0)):
        added = window({0: 1}, scores=(1.0, largest))
        store.flush(flush(advance(start, end), windows=[added]))
    (found,) = all_windows(store)
    assert found.score_max == 9.0


def test_one_window_given_twice_in_a_flush_counts_twice(store: Store) -> None:
    store.flush(flush(advance(None, 2), windows=[window({3: 1}), window({3: 1, 4: 2})]))
    (found,) = all_windows(store)
    assert (found.counts[3], found.counts[4]) == (2, 2)


@pytest.mark.parametrize("stale", [advance(7, 20), advance(None, 20)])
def test_a_stale_flush_writes_nothing_at_all(store: Store, stale: OffsetAdvance) -> None:
    store.flush(flush(advance(None, 10), windows=[window({0: 1})]))
    before = (all_windows(store), store.partitions(STREAM), store.evidence(STREAM))
    fresh = advance(None, 99, partition=1)
    late = replace(
        flush(fresh, windows=[window({0: 5})], evidence=[evidence(12)]),
        advances=(fresh, stale),
    )
    with pytest.raises(StaleFlush, match=r"images/0 of stream 'line-3' is at offset 10.*nothing"):
        store.flush(late)
    assert (all_windows(store), store.partitions(STREAM), store.evidence(STREAM)) == before


def test_a_flush_from_an_offset_the_database_never_had_is_stale(store: Store) -> None:
    with pytest.raises(StaleFlush, match="at offset None, this flush started from 5"):
        store.flush(flush(advance(5, 10)))


def test_of_two_agents_at_the_same_offset_exactly_one_wins(store: Store) -> None:
    rounds, agents = 10, 4
    wins = []
    for turn in range(rounds):
        start = turn * 3 if turn else None
        gate = threading.Barrier(agents)
        record = flush(
            *(advance(start, turn * 3 + 3, partition=p) for p in (1, 0)),
            windows=[window({5: 3}, segment=f"camera={s}") for s in range(20)],
        )
        won = _race(store, record, gate, agents)
        wins.append(won)
    assert wins == [1] * rounds
    assert {row.counts[5] for row in all_windows(store)} == {3 * rounds}


def _race(store: Store, record: FlushRecord, gate: threading.Barrier, agents: int) -> int:
    won: list[int] = []

    def agent() -> None:
        gate.wait()
        try:
            store.flush(record)
        except StaleFlush:
            return
        won.append(1)

    threads = [threading.Thread(target=agent) for _ in range(agents)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(won)


def test_agents_on_other_partitions_share_windows_without_deadlock(store: Store) -> None:
    rounds, agents = 8, 4
    failures: list[BaseException] = []

    def agent(partition: int) -> None:
        rows = [window({2: 1}, segment=f"camera={s}") for s in range(30)]
        rows = rows if partition % 2 else rows[::-1]
        try:
            for turn in range(rounds):
                step = advance(turn or None, turn + 1, partition=partition)
                store.flush(flush(step, windows=rows))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=agent, args=(p,)) for p in range(agents)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert {row.counts[2] for row in all_windows(store)} == {rounds * agents}


def test_a_partition_may_go_back_when_its_topic_was_made_anew(store: Store) -> None:
    store.flush(flush(advance(None, 100)))
    store.flush(flush(advance(100, 3)))
    assert store.offsets(STREAM, frozenset({(TOPIC, 0)})) == {(TOPIC, 0): 3}


def test_the_latest_event_time_never_goes_back(store: Store) -> None:
    times = [None, START, START - timedelta(hours=1), None, START + timedelta(seconds=1.5)]
    seen = []
    for step, time in enumerate(times):
        store.flush(flush(advance(step or None, step + 1, event_time_max=time)))
        seen.append(store.partitions(STREAM)[0].event_time_max)
    assert seen == [None, START, START, START, START + timedelta(seconds=1.5)]


def test_only_a_moving_offset_is_a_sign_of_life(store: Store, clock: HandClock) -> None:
    store.flush(flush(advance(None, 5)))
    clock.advance(60)
    store.flush(flush(advance(5, 5)))
    assert store.partitions(STREAM)[0].flushed_at == START
    store.flush(flush(advance(5, 6)))
    assert store.partitions(STREAM)[0].flushed_at == START + timedelta(seconds=60)


def test_a_flush_of_an_unknown_stream_says_what_to_do(store: Store) -> None:
    with pytest.raises(RecordConflict) as caught:
        store.flush(replace(flush(advance(None, 1)), stream="other"))
    assert caught.value.hint == "register the stream first: Store.ensure_stream"


def test_text_that_a_database_cannot_hold_stops_no_flush(store: Store) -> None:
    strange = "camera=\x00\ud800\n"
    kept = evidence(1, segment=strange, event_id=strange)
    store.flush(flush(advance(None, 2), windows=[window({1: 2}, segment=strange)], evidence=[kept]))
    assert [row.segment for row in all_windows(store)] == ["camera=\ufffd?\n"]
    assert store.evidence(STREAM)[0].event_id == "camera=\ufffd?\n"


def test_summaries_are_the_latest_and_may_lack_numbers(store: Store) -> None:
    first = ScoreSummary("blocks.1", 1, 0.5, float("nan"), 0.5, 0.5, 0.5, 0.5, 0.5)
    second = ScoreSummary("blocks.1", 9, 0.6, 0.1, 0.1, 2.0, 0.2, 0.55, 1.9)
    store.flush(flush(advance(None, 1), summaries=[first]))
    assert str(store.summaries(STREAM)[0]) == str(first)
    store.flush(flush(advance(1, 9), summaries=[second]))
    assert store.summaries(STREAM) == [second]


def test_windows_are_given_in_order_between_their_bounds(store: Store) -> None:
    rows = [
        window({0: 1}, minute=minute, segment=segment, layer=layer)
        for minute in (3, 1, 2, 0)
        for segment in ("camera=3", "*")
        for layer in ("blocks.1", "*")
    ]
    store.flush(flush(advance(None, 1), windows=rows))
    find = partial(store.windows, STREAM, after=START, until=START + timedelta(minutes=3))
    found = find(DETECTOR)
    keys = [(row.window_start, row.segment, row.layer) for row in found]
    assert keys == sorted(keys)
    assert {key[0] for key in keys} == {START + timedelta(minutes=m) for m in (1, 2)}
    assert len(find(DETECTOR, segments=["*"])) == 4
    assert find(DETECTOR, segments=[]) == []
    assert find("another") == []


def test_a_store_opened_anew_sees_what_was_flushed(store: Store, database: Database) -> None:
    store.flush(flush(advance(None, 5), windows=[window({0: 5})]))
    again = Store(database)
    assert all_windows(again) == all_windows(store)
    assert again.event_counts(STREAM) == {"*": 5}


def test_the_first_count_of_partitions_stays_until_the_topic_changes(store: Store) -> None:
    assert store.first_partitions(STREAM, 4) == 4
    assert store.first_partitions(STREAM, 6) == 4
    store.ensure_stream(STREAM, TOPIC, 60)
    assert store.first_partitions(STREAM, 6) == 4
    store.ensure_stream(STREAM, "another", 60)
    assert store.first_partitions(STREAM, 1) == 1


def test_a_stream_that_is_not_registered_has_no_count(store: Store) -> None:
    with pytest.raises(RecordConflict, match="'nobody' is not registered"):
        store.first_partitions("nobody", 3)


def test_counts_of_two_detectors_are_written_as_one_or_not_at_all(store: Store) -> None:
    beside = [CountsBeside("detector-2", [window({3: 2, 17: 5})], [evidence(7)])]
    both = replace(flush(advance(None, 100), windows=[window({17: 90})]), beside=beside)
    store.flush(both)
    assert store.event_counts(STREAM) == {"*": 97}
    (own,) = all_windows(store)
    assert own.events == 90
    (other,) = store.windows(STREAM, "detector-2", after=None, until=LATER)
    assert other.events == 7
    with pytest.raises(StaleFlush):
        store.flush(both)
    assert store.event_counts(STREAM) == {"*": 97}
    assert [row.offset for row in store.evidence(STREAM)] == [7]
