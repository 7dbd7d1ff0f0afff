"""deploy/postgresql/analyst.sql: people read the history, also after an upgrade, and change nothing."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from driftgauge.storage import Database, StorageError, Store

from ..stores import STREAM, TOPIC, advance, evidence, flush, window

pytestmark = pytest.mark.postgres
SQL = Path(__file__).parents[2] / "deploy" / "postgresql" / "analyst.sql"


@pytest.fixture
def owner(postgres_url: str) -> Iterator[Database]:
    database = Database(postgres_url)
    database.upgrade()
    store = Store(database)
    store.ensure_stream(STREAM, TOPIC, 60)
    store.flush(flush(advance(None, 1), windows=[window({0: 1})], evidence=[evidence(0)]))
    with database.write() as connection:
        connection.exec_driver_sql(SQL.read_text().replace("%", "%%"))
    yield database
    database.close()


@pytest.fixture
def ada(owner: Database, postgres_url: str) -> Iterator[Database]:
    """Give the database as a person sees it."""
    name = f"ada_{uuid.uuid4().hex[:8]}"
    with owner.write() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {name} LOGIN IN ROLE driftgauge_analyst")
    url = make_url(postgres_url).set(username=name)
    database = Database(url.render_as_string(hide_password=False))
    yield database
    database.close()
    with owner.write() as connection:
        connection.exec_driver_sql(f"DROP ROLE {name}")


def ask(database: Database, sql: str) -> list[tuple[object, ...]]:
    with database.read() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(sql)]


def test_a_person_reads_every_view_and_no_picture(owner: Database, ada: Database) -> None:
    ada.check_schema()
    for view in owner.view_names():
        ask(ada, f"SELECT * FROM {view}")
    assert ask(ada, "SELECT event_id, p_value FROM evidence") == [("event-0", 0.001)]
    with pytest.raises(StorageError, match="permission denied for table evidence"):
        ask(ada, "SELECT thumbnail FROM evidence")


@pytest.mark.usefixtures("owner")
def test_a_person_changes_nothing(ada: Database) -> None:
    for sql in ("DELETE FROM window_counts", "UPDATE stream SET alpha = 0.1", "DROP TABLE stream"):
        with pytest.raises(StorageError, match=r"permission denied|must be owner"):
            ask(ada, sql)


def test_a_person_reads_on_after_an_upgrade_and_on_the_next_day(
    owner: Database, ada: Database
) -> None:
    with owner.write() as connection:
        connection.exec_driver_sql("UPDATE view_definition SET digest = 'earlier'")
    assert owner.upgrade()
    keep = {"window": None, "hour": None, "day": None}
    list(Store(owner).upkeep.retain(STREAM, keep))  # makes the days to come
    assert ask(ada, "SELECT events FROM ood_rate_daily") == [(1,)]
    assert ask(ada, "SELECT count(*) FROM window_counts") == [(1,)]
