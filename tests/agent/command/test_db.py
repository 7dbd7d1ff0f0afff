"""``driftgauge db``: copies are whole while agents write, and what is dropped is said before."""

from __future__ import annotations

import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from driftgauge.storage import Database, Store, WindowRecord
from driftgauge.storage.partitions import ensure_partitions, partition_days

from ...stores import STREAM, TOPIC, advance, flush, window
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


def of_six_days() -> list[WindowRecord]:
    """Return windows of today and five days before, and one of a camera whose clock is wrong."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    days = [now - timedelta(days=n) for n in range(6)]
    return [
        WindowRecord(segment, "*", at, (1, *(0,) * 16, 9), 5.0, 1.0)
        for at in (*days, now - timedelta(days=900))
        for segment in ("*", "camera=3")
    ]


@pytest.mark.postgres
def test_on_postgresql_whole_days_are_dropped_and_their_hours_stay(
    run: Run, tmp_path: Path, postgres_url: str
) -> None:
    settings = SETTINGS.replace("sqlite:///runs/driftgauge.db", postgres_url)
    (tmp_path / "driftgauge.toml").write_text(settings + "keep_windows_days = 2\n")
    assert run("db", "upgrade").code == 0
    database, rows = Database(postgres_url), of_six_days()
    store = Store(database)
    store.ensure_stream(STREAM, TOPIC, 60)
    with database.write() as connection:
        ensure_partitions(connection, [row.window_start for row in rows[:-2]])
    store.flush(flush(advance(None, 1, event_time_max=datetime.now(UTC)), windows=rows))
    held = run("db", "retain", "--dry-run", "--json").values["levels"][0]
    assert (held["rows"], held["held_by"]) == (0, "not in the hours yet")
    while store.upkeep.roll_up_some():
        pass
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE segment_progress SET waiting_since = NULL")
    planned = run("db", "retain", "--dry-run", "--json").values["levels"][0]
    assert planned["rows"] in (
        8,
        10,
    )  # three or four of the days, by the hour of the day, and the old one
    assert windows_stored(database) == len(rows)
    assert "rows dropped" in run("db", "retain").out
    assert windows_stored(database) == len(rows) - planned["rows"]
    with database.read() as connection:
        assert min(partition_days(connection)) >= datetime.now(UTC) - timedelta(days=4)
    assert sum(store.event_counts(STREAM).values()) == 10 * len(rows)
    assert run("db", "retain", "--dry-run", "--json").values["levels"][0]["rows"] == 0
    database.close()


def windows_stored(database: Database) -> int:
    with database.read() as connection:
        found = connection.exec_driver_sql("SELECT count(*) FROM window_counts").scalar()
    return int(found or 0)
