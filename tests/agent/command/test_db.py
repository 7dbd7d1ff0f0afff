"""``driftgauge db``: copies are whole while agents write, and what is dropped is said before."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from driftgauge.storage import Database, Store

from ...stores import STREAM, advance, flush, window
from .reading import SETTINGS, Run, run, watched, written

__all__ = ["run", "watched", "written"]


@pytest.mark.usefixtures("watched")
def test_a_copy_taken_while_agents_write_is_whole_and_for_the_owner_only(
    run: Run, tmp_path: Path
) -> None:
    database = Database(f"sqlite:///{tmp_path}/runs/driftgauge.db")
    store, stop = Store(database), threading.Event()
    before = store.event_counts(STREAM)["*"]
    own_id = store.database_id()

    def agent() -> None:
        n = 0
        while not stop.is_set():
            store.flush(flush(advance(n or None, n + 1, partition=9), windows=[window({0: 1})]))
            n += 1

    thread = threading.Thread(target=agent)
    thread.start()
    try:
        done = run("db", "backup", "copy.db")
    finally:
        stop.set()
        thread.join()
    assert done.code == 0
    assert "is copied to copy.db" in done.out
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600
    copied = Database(f"sqlite:///{tmp_path}/copy.db")
    copied.check_schema()
    read = sum(row.next_offset for row in Store(copied).partitions(STREAM) if row.partition == 9)
    assert Store(copied).event_counts(STREAM)["*"] - before == read  # of one moment
    assert Store(copied).database_id() == own_id
    again = run("db", "backup", "copy.db")
    assert (again.code, "exists already" in again.err) == (1, True)
    database.close()
    copied.close()


@pytest.mark.usefixtures("watched")
def test_a_dry_run_says_what_would_be_dropped_and_drops_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "driftgauge.toml").write_text(SETTINGS + "keep_windows_days = 2\n")
    database = Database(f"sqlite:///{tmp_path}/runs/driftgauge.db")
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE segment_progress SET waiting_since = NULL")
    while Store(database).upkeep.roll_up_some():
        pass
    counted = Store(database).event_counts(STREAM)
    planned = run("db", "retain", "--dry-run", "--json").values
    assert planned["dropped"] is False
    assert planned["levels"][0]["rows"] > 0
    assert run("db", "retain", "--dry-run", "--json").values == planned
    done = run("db", "retain")
    assert "rows dropped" in done.out
    assert run("db", "retain", "--dry-run", "--json").values["levels"][0]["rows"] == 0
    assert Store(database).event_counts(STREAM) == counted
    database.close()
