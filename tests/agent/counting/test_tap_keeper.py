from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from driftgauge.agent.counting.tap_keeper import TapKeeper
from driftgauge.agent.keep.shard import decode_shard

from ..keep.kept import DAY, RUN, event, keep_settings, names, scored


def test_all_events_of_a_chosen_run_are_kept_with_their_taps(tmp_path: Path) -> None:
    settings = keep_settings(tmp_path)
    keeper = TapKeeper(settings)
    events = [event(n, DAY + timedelta(seconds=n)) for n in range(20)]
    keeper.offer(events, names(events), scored(20, p=0.005))
    (row,), (run,) = keeper.write()
    shard = decode_shard(settings.folder.read(row.path, sha256=row.sha256))
    assert shard.taps.tolist() == scored(20).taps.tolist()  # type: ignore[union-attr]
    assert [offset for _, offset, _ in shard.places.tolist()] == list(range(20))
    assert (run.segment, run.events, run.unusual) == ("camera=1", 20, 20)
    assert row.events == 20


def test_runs_are_chosen_for_each_segment_by_its_own_events(tmp_path: Path) -> None:
    keeper = TapKeeper(keep_settings(tmp_path, runs_per_day=1))
    events = [event(n, DAY + RUN * n, camera=str(n % 2)) for n in range(40)]
    keeper.offer(events, names(events), scored(40))
    _, runs = keeper.write()
    assert {run.segment for run in runs} == {"camera=0", "camera=1"}
    assert len(runs) < 20  # what an earlier run displaced is written, and dropped by the upkeep


def test_nothing_is_written_twice_and_nothing_that_was_dropped(tmp_path: Path) -> None:
    keeper = TapKeeper(keep_settings(tmp_path))
    keeper.offer([event(0, DAY)], [["*", "camera=1"]], scored(1))
    keeper.write()
    keeper.mark_flushed()
    assert keeper.n_kept == 1
    keeper.offer([event(1, DAY)], [["*", "camera=1"]], scored(1))
    keeper.drop()
    assert keeper.write() == ([], [])
    keeper.mark_flushed()
    assert keeper.n_kept == 1


def test_a_flush_that_is_tried_again_names_the_same_file(tmp_path: Path) -> None:
    keeper = TapKeeper(keep_settings(tmp_path))
    keeper.offer([event(0, DAY)], [["*", "camera=1"]], scored(1))
    assert keeper.write() == keeper.write()


def test_a_folder_that_cannot_be_written_is_told_once_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "kept").write_text("in the way")
    keeper = TapKeeper(keep_settings(tmp_path / "kept"))
    for n in range(3):
        keeper.offer([event(n, DAY)], [["*", "camera=1"]], scored(1))
        assert keeper.write() == ([], [])
        keeper.mark_flushed()
    assert keeper.n_lost == 3
    assert caplog.text.count("taps are not kept") == 1


def test_a_stream_without_segments_keeps_runs_of_all_its_events(tmp_path: Path) -> None:
    keeper = TapKeeper(keep_settings(tmp_path))
    keeper.offer([event(0, DAY)], [["*"]], scored(1))
    _, (run,) = keeper.write()
    assert run.segment == "*"
