"""On PostgreSQL the rows that are read most lie together; whatever the version, no day is lost."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta

import pytest

from driftgauge.storage import Database, FlushRecord, Store

from ..stores import DETECTOR, START, STREAM, TOPIC, advance, window
from .test_move import written
from .test_schema import make_at, run, take_back

DAYS, SEGMENTS, LAYERS = 4, ("*", *(f"camera={n}" for n in range(40))), ("*", "blocks.1")
EARLIER = [f"{n:04d}" for n in range(14, 27)]
"""Versions with counts by day that may lie in any order."""


@pytest.fixture
def fresh(empty_url: str) -> Iterator[Database]:
    database = Database(empty_url)
    yield database
    database.close()


def fill_days(database: Database) -> list[tuple[int, int]]:
    """Count days with the SQL of an earlier version, in no order; return series and events."""
    midnight = START.replace(hour=0)
    names = [(segment, layer) for segment in SEGMENTS for layer in LAYERS]
    random.Random(3).shuffle(names)
    run(
        database,
        "INSERT INTO stream (stream, topic, window_seconds, created_at) "
        f"VALUES ('{STREAM}', 'images', 60, '{written(START, database)}')",
        "INSERT INTO series (stream, detector, segment, layer) VALUES "
        + ", ".join(f"('{STREAM}', 'd', '{segment}', '{layer}')" for segment, layer in names),
    )
    rows = [(series, 1000 * day + series) for day in range(DAYS) for series in range(1, 83)]
    starts = [
        int((midnight + timedelta(days=day)).timestamp()) for day in range(DAYS) for _ in range(82)
    ]
    values = [
        f"({at if database.is_sqlite else f'to_timestamp({at})'}, {series}, {events}, 1.5, 2.5)"
        for at, (series, events) in zip(starts, rows, strict=True)
    ]
    run(
        database,
        "INSERT INTO day_counts (window_start, series, events, score_max, score_sum) VALUES "
        + ", ".join(values),
    )
    return rows


def read(database: Database, sql: str) -> list[tuple[object, ...]]:
    with database.read() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(sql)]


DAYS_STORED = "SELECT series, events FROM day_counts ORDER BY window_start, series"
AS_THEY_LIE = "SELECT segment, layer FROM day_counts JOIN series ON series.id = series ORDER BY day_counts.ctid"


@pytest.mark.parametrize("revision", EARLIER)
def test_every_day_of_every_earlier_version_is_kept(fresh: Database, revision: str) -> None:
    make_at(fresh, revision)
    rows = fill_days(fresh)
    assert fresh.upgrade()
    assert read(fresh, DAYS_STORED) == rows


@pytest.mark.postgres
def test_an_upgrade_puts_whole_streams_first_in_each_day_and_keeps_what_people_made(
    postgres_url: str,
) -> None:
    database = Database(postgres_url)
    make_at(database, "0026")
    rows = fill_days(database)
    run(
        database,
        "CREATE VIEW mine AS SELECT events FROM day_counts",
        "GRANT SELECT ON day_counts TO public",
    )
    database.upgrade()
    lie = read(database, AS_THEY_LIE)
    for day in range(DAYS):
        of_day = lie[82 * day : 82 * (day + 1)]
        assert of_day[0] == ("*", "*")
        assert {layer for _, layer in of_day[:41]} == {"*"}
    assert len(read(database, "SELECT events FROM mine")) == len(rows)
    granted = "SELECT has_table_privilege('public', 'day_counts', 'SELECT')"
    assert read(database, granted) == [(True,)]
    take_back(database, to="0026")
    database.upgrade()
    assert read(database, DAYS_STORED) == rows
    database.close()


@pytest.mark.postgres
def test_a_day_that_is_rolled_up_each_minute_keeps_whole_streams_on_few_pages(
    postgres_url: str,
) -> None:
    database = Database(postgres_url)
    database.upgrade()
    streams, minutes = [f"line-{n}" for n in range(10)], 25
    for stream in streams:
        Store(database).ensure_stream(stream, TOPIC, 60)
    for minute in range(minutes):
        now = START + timedelta(minutes=minute + 3)
        store = Store(database, now=lambda now=now: now)  # type: ignore[misc]  # mypy knows no such lambda
        for stream in streams:
            counted = [
                window({17: 9}, minute=minute, segment=segment, layer=layer)
                for segment in SEGMENTS
                for layer in LAYERS
            ]
            at = START + timedelta(minutes=minute)
            moved = advance(minute or None, minute + 1, event_time_max=at)
            store.flush(FlushRecord(stream, DETECTOR, [moved], counted))
        while store.upkeep.roll_up_some():
            pass
    pages = "SELECT count(DISTINCT (day_counts.ctid::text::point)[0]) FROM day_counts"
    (whole,) = read(
        database,
        f"{pages} JOIN series ON series.id = series WHERE segment = '*' AND layer = '*'",
    )
    (every,) = read(database, pages)
    assert int(str(every[0])) > len(streams)
    assert int(str(whole[0])) < len(streams) / 2
    database.close()
