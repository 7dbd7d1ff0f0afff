from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from driftgauge.agent.counting.tap_keeper import KeepSettings, TapKeeper
from driftgauge.agent.keep.shard import decode_shard
from driftgauge.agent.keep.upkeep import KeptLimits, KeptUpkeep
from driftgauge.storage import Database, Kept, KeptRun, KeptShard, Store

from ...stores import STREAM, HandClock, advance, flush
from .kept import DAY, RUN, event, keep_settings, names, scored

EVENING = DAY + timedelta(days=2)


@pytest.fixture
def settings(tmp_path: Path) -> KeepSettings:
    return keep_settings(tmp_path / "kept", runs_per_day=100)


def keep(
    store: Store, settings: KeepSettings, n_runs: int, *, days: int = 1, first_day: int = 0
) -> None:
    """Let an agent flush twice within each run of some days."""
    keeper = TapKeeper(settings)
    offset = next((row.next_offset for row in store.partitions(STREAM)), 0)
    for day in range(first_day, first_day + days):
        for run in range(n_runs):
            for minute in (0, 5):
                at = DAY + timedelta(days=day, minutes=minute) + RUN * run
                events = [event(offset, at)]
                keeper.offer(events, names(events), scored(1))
                shards, runs = keeper.write()
                store.flush(
                    flush(advance(offset or None, offset + 1), kept_shards=shards, kept_runs=runs)
                )
                keeper.mark_flushed()
                offset += 1


def upkeep(store: Store, settings: KeepSettings, **more: int) -> KeptUpkeep:
    values = {"runs_per_day": 100, "max_bytes_per_day": 2**30, "max_bytes": 2**30, **more}
    keep_for = timedelta(days=values.pop("days", 30))
    limits = KeptLimits(keep=keep_for, run=RUN, **values)
    return KeptUpkeep(store.kept, settings.folder, STREAM, limits)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_the_files_of_a_run_become_one_with_the_same_events(
    store: Store, settings: KeepSettings, tmp_path: Path
) -> None:
    keep(store, settings, 3)
    assert len(files(tmp_path / "kept")) == 6
    upkeep(store, settings).turn(EVENING)
    rows = store.kept.shards(STREAM)
    assert [row.events for row in rows] == [2, 2, 2]
    read = [decode_shard(settings.folder.read(row.path, sha256=row.sha256)) for row in rows]
    assert [offset for one in read for _, offset, _ in one.places.tolist()] == list(range(6))
    assert len(files(tmp_path / "kept")) == 3


def test_a_run_that_may_still_grow_is_left_as_it_is(store: Store, settings: KeepSettings) -> None:
    keep(store, settings, 1)
    upkeep(store, settings).turn(DAY + RUN)
    assert len(store.kept.shards(STREAM)) == 2


def test_runs_beyond_the_choice_go_with_their_files(
    store: Store, settings: KeepSettings, tmp_path: Path
) -> None:
    keep(store, settings, 5)
    upkeep(store, settings, runs_per_day=2).turn(EVENING)
    assert len(store.kept.runs(STREAM)) == 2
    assert len(files(tmp_path / "kept")) == 2


def test_what_was_kept_long_ago_goes_whatever_its_events_are_dated(
    store: Store, settings: KeepSettings, clock: HandClock
) -> None:
    """Somebody replays an archive, or a camera's clock is months behind: it is kept as long as any other."""
    clock.at = DAY + timedelta(days=400)
    keep(store, settings, 2)
    upkeep(store, settings, days=1).turn(clock())
    assert len(store.kept.runs(STREAM)) == 2
    clock.advance(23 * 3600)
    keep(store, settings, 2, first_day=1)
    upkeep(store, settings, days=1).turn(clock())  # merged files are as old as what is in them
    clock.advance(3601)
    upkeep(store, settings, days=1).turn(clock())
    left = {run.run_start for run in store.kept.runs(STREAM)}
    assert left == {DAY + timedelta(days=1), DAY + timedelta(days=1) + RUN}
    assert {shard.run_start for shard in store.kept.shards(STREAM)} == left


def test_a_run_of_which_no_file_is_left_goes(store: Store, settings: KeepSettings) -> None:
    keep(store, settings, 2)
    lost = [shard.path for shard in store.kept.shards(STREAM, DAY)]
    store.kept.drop_shards(STREAM, lost)
    upkeep(store, settings).turn(EVENING)
    assert [run.run_start for run in store.kept.runs(STREAM)] == [DAY + RUN]


def test_beyond_all_bytes_the_oldest_day_goes_first(store: Store, settings: KeepSettings) -> None:
    keep(store, settings, 2, days=3)
    total = store.kept.total_bytes(STREAM)
    upkeep(store, settings, max_bytes=total * 2 // 3 + 10).turn(DAY + timedelta(days=3))
    left = {run.run_start.date() for run in store.kept.runs(STREAM)}
    assert left == {(DAY + timedelta(days=n)).date() for n in (1, 2)}
    assert store.kept.total_bytes(STREAM) <= total * 2 // 3 + 10


def test_files_without_rows_go_when_no_flush_can_name_them_any_more(
    store: Store, settings: KeepSettings, tmp_path: Path
) -> None:
    keeper = TapKeeper(settings)
    keeper.offer([event(0, DAY)], [["*", "camera=1"]], scored(1))
    keeper.write()  # and then the agent was killed
    assert len(files(tmp_path / "kept")) == 1
    upkeep(store, settings).turn(store.clock())
    assert len(files(tmp_path / "kept")) == 1
    upkeep(store, settings).turn(datetime.now(UTC) + timedelta(hours=2))
    assert files(tmp_path / "kept") == []


def test_what_an_agent_keeps_during_a_turn_stays(
    store: Store, database: Database, settings: KeepSettings
) -> None:
    """A flush writes a run and its file together; the upkeep reads them one after the other."""

    class Interrupted(Kept):
        n_reads = 0

        def runs(self, stream: str) -> list[KeptRun]:
            found = super().runs(stream)
            self._flush_after_the_first()
            return found

        def shards(self, stream: str, run_start: datetime | None = None) -> list[KeptShard]:
            found = super().shards(stream, run_start)
            self._flush_after_the_first()
            return found

        def _flush_after_the_first(self) -> None:
            self.n_reads += 1
            if self.n_reads == 1:
                keep(store, settings, 1)

    kept = Interrupted(database, lambda _: DAY)
    limits = KeptLimits(
        runs_per_day=9, max_bytes_per_day=2**30, max_bytes=2**30, keep=timedelta(days=30), run=RUN
    )
    KeptUpkeep(kept, settings.folder, STREAM, limits).turn(DAY)
    assert kept.n_reads > 1
    assert len(store.kept.runs(STREAM)) == 1
    assert sum(shard.events for shard in store.kept.shards(STREAM)) == 2


def test_a_damaged_file_is_left_and_told(
    store: Store, settings: KeepSettings, caplog: pytest.LogCaptureFixture
) -> None:
    keep(store, settings, 1)
    settings.folder.write(store.kept.shards(STREAM)[0].path, b"damage")
    upkeep(store, settings).turn(EVENING)
    assert "are not merged" in caplog.text
    assert len(store.kept.shards(STREAM)) == 2
