"""An SQLite file grows no longer once as much is dropped as is counted: its space is given back."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from driftgauge.storage import Database, Store

from ..stores import START, STREAM, TOPIC, advance, flush, window

DAYS = 6


def pages(database: Database) -> tuple[int, int]:
    """Return how many pages the file has, and how many of them are free."""
    with database.read() as connection:
        run = connection.exec_driver_sql
        return (
            int(run("PRAGMA page_count").scalar() or 0),
            int(run("PRAGMA freelist_count").scalar() or 0),
        )


def test_what_is_dropped_makes_the_file_shorter(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/driftgauge.db")
    database.upgrade()
    store = Store(database, now=lambda: START + timedelta(days=DAYS))
    store.ensure_stream(STREAM, TOPIC, 60)
    rows = [
        window({0: 1, 17: 9}, minute=minute, segment=f"camera={n}")
        for minute in range(0, DAYS * 1440, 10)
        for n in range(20)
    ]
    store.flush(flush(advance(None, 1), windows=rows))
    while store.upkeep.roll_up_some():
        pass
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE segment_progress SET waiting_since = NULL")
    before, _ = pages(database)
    keep = {"window": timedelta(days=1), "hour": timedelta(days=1), "day": None}
    assert sum(store.upkeep.retain(STREAM, keep)) > len(rows) / 2
    after, free = pages(database)
    assert free == 0
    assert after < before / 2
    database.close()
