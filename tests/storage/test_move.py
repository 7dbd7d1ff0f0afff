"""What an earlier version counted is moved whole to the tables of today, whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from alembic.command import upgrade
from alembic.config import Config

from driftgauge.storage import Database, SchemaOutOfDate, Store, WindowRecord
from driftgauge.storage.move import is_left_to_move, move_some
from driftgauge.storage.schema import MIGRATIONS, upgrade_schema

from ..stores import DETECTOR, START, STREAM

EARLIER = [f"{n:04d}" for n in range(1, 11)]
MINUTES, SEGMENTS, LAYERS = 16, ("*", "camera=3"), ("*", "blocks.1")
BINS = [f"bin_{b:02d}" for b in range(18)]


@pytest.fixture
def fresh(empty_url: str) -> Iterator[Database]:
    database = Database(empty_url)
    yield database
    database.close()


def fill_at(database: Database, revision: str) -> None:
    """Make a database of an earlier version and count in it, with the SQL of that time."""
    with database.write() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS))
        upgrade(config, revision)
        run = connection.exec_driver_sql
        run(
            "INSERT INTO stream (stream, topic, window_seconds, created_at) "
            f"VALUES ('{STREAM}', 'images', 60, '{written(START, database)}')"
        )
        for n, (start, segment, layer) in enumerate(keys()):
            values = [
                *(f"'{STREAM}'", f"'{DETECTOR}'", f"'{written(start, database)}'", f"'{segment}'"),
                *(f"'{layer}'", str(7 + n), str(n), *("0",) * 16, "7", "2.5", "9.0", "0.5", "1.5"),
            ]
            run(
                "INSERT INTO score_window (stream, detector, window_start, segment, layer, events, "
                f"{', '.join(BINS)}, score_sum, score_sum_squares, score_min, score_max) "
                f"VALUES ({', '.join(values)})"
            )


def written(moment: datetime, database: Database) -> str:
    text = moment.strftime("%Y-%m-%d %H:%M:%S")
    return text if database.is_sqlite else f"{text}+00:00"


def keys() -> list[tuple[datetime, str, str]]:
    return [
        (START + timedelta(minutes=120 * minute), segment, layer)
        for minute in range(MINUTES)
        for segment in SEGMENTS
        for layer in LAYERS
    ]


def wanted() -> list[WindowRecord]:
    return [
        WindowRecord(segment, layer, start, (n, *(0,) * 16, 7), 2.5, 1.5)
        for n, (start, segment, layer) in enumerate(keys())
    ]


def counted(database: Database) -> list[WindowRecord]:
    return Store(database).windows(STREAM, DETECTOR, after=None, until=START + timedelta(days=400))


@pytest.mark.parametrize("revision", EARLIER)
def test_every_count_of_every_earlier_version_is_kept(fresh: Database, revision: str) -> None:
    fill_at(fresh, revision)
    told: list[tuple[int, int]] = []
    assert fresh.upgrade(lambda moved, total: told.append((moved, total)))
    fresh.check_schema()
    assert counted(fresh) == wanted()
    assert told[-1] == (len(wanted()), len(wanted()))
    assert not fresh.upgrade()


def killed_within_a_step(database: Database) -> None:
    with database.write() as connection:
        move_some(connection, step_rows=30)
        raise RuntimeError


def test_an_upgrade_that_was_killed_goes_on_where_it_was(fresh: Database) -> None:
    fill_at(fresh, "0010")
    with fresh.write() as connection:
        upgrade_schema(connection)
    with fresh.write() as connection:
        assert move_some(connection, step_rows=30) == 32  # whole windows
    with pytest.raises(SchemaOutOfDate, match="was begun and has not finished") as told:
        fresh.check_schema()
    assert told.value.hint == "driftgauge db upgrade"
    with pytest.raises(RuntimeError):
        killed_within_a_step(fresh)
    assert len(counted(fresh)) == 32
    assert fresh.upgrade()
    assert counted(fresh) == wanted()
    with fresh.read() as connection:
        assert not is_left_to_move(connection)
