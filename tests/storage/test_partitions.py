"""A day's partition is made while agents write rows of that day among the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from driftgauge.storage import Database, FlushRecord, Store
from driftgauge.storage.partitions import ensure_partitions, partition_name

from ..stores import DETECTOR, START, STREAM, TOPIC, advance, window

ANOTHER_MINUTE = (
    "CREATE TEMP TABLE another AS SELECT * FROM window_counts_other",
    "UPDATE another SET window_start = window_start + interval '1 minute'",
    "INSERT INTO window_counts SELECT * FROM another",
)
"""What a flush does to a window of a day that has no partition yet."""


@pytest.fixture
def counted(postgres_url: str) -> Iterator[Database]:
    """Give a database with one window, of a day without a partition."""
    database = Database(postgres_url)
    database.upgrade()
    store = Store(database)
    store.ensure_stream(STREAM, TOPIC, 60)
    store.flush(FlushRecord(STREAM, DETECTOR, [advance(None, 1)], [window({3: 1})]))
    yield database
    database.close()


def count(database: Database, table: str) -> int:
    with database.read() as connection:
        return int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())


@pytest.mark.postgres
def test_a_flush_under_way_is_waited_for_and_its_rows_move_as_well(counted: Database) -> None:
    assert count(counted, "window_counts_other") == 1
    failures: list[Exception] = []

    def make() -> None:
        try:
            with counted.write() as connection:
                ensure_partitions(connection, [START])
        except Exception as error:  # any: it is looked at below
            failures.append(error)

    making = threading.Thread(target=make)
    with counted.write() as flushing:
        for statement in ANOTHER_MINUTE:
            flushing.exec_driver_sql(statement)
        making.start()
        time.sleep(0.25)
    making.join()
    assert failures == []
    assert count(counted, partition_name(START.replace(hour=0))) == 2
    assert count(counted, "window_counts_other") == 0


@pytest.mark.postgres
def test_days_are_made_once_and_hold_what_came_before_them(counted: Database) -> None:
    for _ in range(2):
        with counted.write() as connection:
            ensure_partitions(connection, [START, START + timedelta(days=1)])
    assert count(counted, "window_counts") == count(counted, partition_name(START)) == 1
