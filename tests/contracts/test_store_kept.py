"""Rows of kept taps, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from driftgauge.storage import KeptRun, KeptShard, RecordConflict, StaleFlush, Store

from ..stores import DETECTOR, START, STREAM, HandClock, advance, flush


def run(segment: str = "camera=1", *, n: int = 5, after: int = 0) -> KeptRun:
    return KeptRun(segment, START + timedelta(minutes=8 * after), 7, n, 1)


def shard(path: str, *, after: int = 0) -> KeptShard:
    start = START + timedelta(minutes=8 * after)
    return KeptShard(start, path, "ab" * 32, 1000, 5, "origin", DETECTOR)


def test_runs_add_up_over_flushes_and_files_are_listed(store: Store) -> None:
    store.flush(
        flush(advance(None, 5), kept_shards=[shard("a")], kept_runs=[run(), run("camera=2")])
    )
    store.flush(flush(advance(5, 9), kept_shards=[shard("b")], kept_runs=[run(n=2)]))
    assert store.kept.runs(STREAM) == [replace(run(n=7), unusual=2), run("camera=2")]
    assert store.kept.shards(STREAM) == [shard("a"), shard("b")]
    assert store.kept.shards(STREAM, START + timedelta(minutes=8)) == []
    assert store.kept.total_bytes(STREAM) == 2000


def test_a_stale_flush_writes_no_row_of_a_file(store: Store) -> None:
    store.flush(flush(advance(None, 5)))
    with pytest.raises(StaleFlush):
        store.flush(flush(advance(None, 5), kept_shards=[shard("a")], kept_runs=[run()]))
    assert store.kept.shards(STREAM) == []
    assert store.kept.runs(STREAM) == []


def test_merged_files_are_replaced_together_or_not_at_all(store: Store) -> None:
    store.flush(flush(advance(None, 5), kept_shards=[shard("a"), shard("b"), shard("c", after=1)]))
    store.kept.replace_shards(STREAM, ["a", "b"], shard("ab"))
    assert store.kept.shards(STREAM) == [shard("ab"), shard("c", after=1)]
    with pytest.raises(RecordConflict, match="1 of 2 files"):
        store.kept.replace_shards(STREAM, ["a", "c"], shard("ac"))
    assert store.kept.shards(STREAM) == [shard("ab"), shard("c", after=1)]


def test_a_file_tells_since_when_its_events_are_kept_and_so_does_one_that_others_became(
    store: Store, clock: HandClock
) -> None:
    store.flush(flush(advance(None, 5), kept_shards=[shard("a")]))
    clock.advance(3600)
    store.flush(flush(advance(5, 9), kept_shards=[shard("b")]))
    found = {one.path: one.written_at for one in store.kept.shards(STREAM)}
    assert found == {"a": START, "b": START + timedelta(hours=1)}
    clock.advance(3600)
    store.kept.replace_shards(STREAM, ["a", "b"], replace(shard("ab"), written_at=found["a"]))
    (merged,) = store.kept.shards(STREAM)
    assert (merged.path, merged.written_at) == ("ab", START)


def test_rows_are_dropped_by_segment_and_run_and_by_path(store: Store) -> None:
    runs = [run(), run("camera=2"), run(after=1)]
    store.flush(flush(advance(None, 5), kept_shards=[shard("a"), shard("b")], kept_runs=runs))
    store.kept.drop_runs(STREAM, [("camera=1", START)])
    store.kept.drop_shards(STREAM, ["a"])
    assert store.kept.runs(STREAM) == runs[1:]
    assert store.kept.shards(STREAM) == [shard("b")]
