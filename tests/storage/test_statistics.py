"""SQLite knows how large its tables are, and so finds windows of one series without reading the others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from driftgauge.storage import Database, Store

from ..stores import STREAM, TOPIC, advance, flush, window

KEEP = {"window": None, "hour": None, "day": None}
LAST_WINDOWS = """SELECT window_start, score_sum / events AS mean_score, score_max FROM score_window
WHERE stream = 'line-3' AND segment = '*' AND layer = '*' AND events > 0 ORDER BY window_start DESC LIMIT 60"""
BY_KEY = "SEARCH counted USING PRIMARY KEY (window_start=? AND series=?)"


@pytest.fixture
def counted(tmp_path: Path) -> Iterator[Database]:
    """Give an SQLite database with some hours of windows of many series."""
    database = Database(f"sqlite:///{tmp_path}/driftgauge.db")
    database.upgrade()
    store = Store(database)
    store.ensure_stream(STREAM, TOPIC, 60)
    rows = [
        window({17: 9}, minute=minute, segment=segment, layer=layer)
        for minute in range(200)
        for segment in ("*", *(f"camera={n}" for n in range(10)))
        for layer in ("*", "blocks.1")
    ]
    store.flush(flush(advance(None, 1), windows=rows))
    yield database
    database.close()


def plan(database: Database) -> str:
    database.close()  # a connection reads what is known of the tables when it is made
    with database.read() as connection:
        steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {LAST_WINDOWS}").fetchall()
    return "\n".join(str(step[-1]) for step in steps)


def test_after_the_hourly_upkeep_the_last_windows_of_a_series_are_found_by_their_key(
    counted: Database,
) -> None:
    assert BY_KEY not in plan(counted)
    list(Store(counted).upkeep.retain(STREAM, KEEP))
    assert BY_KEY in plan(counted)


def test_after_an_upgrade_as_well(counted: Database) -> None:
    with counted.write() as connection:
        connection.exec_driver_sql("UPDATE view_definition SET digest = 'earlier'")
    assert counted.upgrade()
    assert BY_KEY in plan(counted)
