"""SQL that a person wrote: it reads what is there, changes nothing, and ends in time, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import make_url

from driftgauge.storage import Database, QueryRefused, QueryTimedOut, Store, StoreUnavailable

from ..stores import STREAM, TOPIC, advance, flush, window

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
HOSTILE = (
    "DELETE FROM stream",
    "INSERT INTO lease VALUES ('a', 'b', 'c', 'd')",
    "UPDATE stream SET topic = 'x'",
    "DROP TABLE lease",
    "CREATE TABLE mine (n integer)",
    "CREATE TEMPORARY TABLE mine (n integer)",
    "SELECT 1; DROP TABLE lease",
    "SELECT 1; COMMIT; DROP TABLE lease",
    "COMMIT",
    "VACUUM",
)
HOSTILE_TO = {
    "sqlite": (
        "ATTACH 'other.db' AS other",
        "VACUUM INTO 'copy.db'",
        "PRAGMA user_version = 7",
        "PRAGMA query_only = OFF",
        "PRAGMA journal_mode = DELETE",
        "WITH gone AS (SELECT 1) DELETE FROM stream",
        "SELECT load_extension('x')",
    ),
    "postgresql": (
        "WITH gone AS (DELETE FROM stream RETURNING *) SELECT * FROM gone",
        "COPY stream TO '/tmp/stolen'",
        "COPY stream TO PROGRAM 'true'",
        "SET TRANSACTION READ WRITE",
        "SELECT set_config('transaction_read_only', 'off', true)",
        "SELECT nextval('alert_id_seq')",
        "SELECT * FROM stream FOR UPDATE",
    ),
}


def ask(database: Database, sql: str, *, timeout_seconds: float = 10, limit: int = 100) -> object:
    return database.query(sql, timeout_seconds=timeout_seconds, limit=limit)


def test_a_query_reads_the_views(store: Store, database: Database) -> None:
    store.flush(flush(advance(None, 9), windows=[window({0: 1, 17: 3})]))
    sql = "SELECT segment, events, ood_rate FROM ood_rate_hourly WHERE stream LIKE 'line-%';\n"
    found = database.query(sql, timeout_seconds=10, limit=10)
    assert found.columns == ("segment", "events", "ood_rate")
    assert (found.rows, found.is_cut) == ([("*", 4, 0.25)], False)


def test_a_query_gives_no_more_rows_than_asked_for(store: Store, database: Database) -> None:
    store.ensure_stream("line-4", TOPIC, 60)
    sql = "SELECT stream FROM stream ORDER BY stream"
    found = database.query(sql, timeout_seconds=10, limit=1)
    assert (found.rows, found.is_cut) == ([(STREAM,)], True)
    assert not database.query(sql, timeout_seconds=10, limit=2).is_cut


def test_no_query_changes_anything(
    store: Store,
    database: Database,
    backend: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    files = set(tmp_path.iterdir())
    before = [database.table_names(), store.streams()]
    for sql in (*HOSTILE, *HOSTILE_TO[backend]):
        with pytest.raises(QueryRefused):
            raise AssertionError(f"{sql} was run: {ask(database, sql)}")
    assert [database.table_names(), store.streams()] == before
    new = {path.name for path in set(tmp_path.iterdir()) - files}
    assert new <= {"driftgauge.db-wal", "driftgauge.db-shm"}


@pytest.mark.usefixtures("store")
def test_a_query_that_takes_too_long_is_ended(database: Database) -> None:
    with pytest.raises(QueryTimedOut, match=r"longer than 0\.2 s"):
        ask(database, ENDLESS, timeout_seconds=0.2)


@pytest.mark.parametrize("sql", ["SELEC 1", "SELECT colour FROM stream", "SELECT * FROM no", ""])
def test_a_wrong_query_is_refused_with_the_reason(database: Database, sql: str) -> None:
    with pytest.raises(QueryRefused, match="the query") as caught:
        ask(database, sql)
    assert "docs/sql.md" in caught.value.hint


@pytest.mark.postgres
def test_what_a_function_does_in_a_query_is_rolled_back(postgres_url: str) -> None:
    database = Database(postgres_url)
    ask(database, "SELECT lo_create(0)")  # PostgreSQL 15 lets a read-only transaction do that
    found = database.query(
        "SELECT count(*) FROM pg_largeobject_metadata", timeout_seconds=10, limit=1
    )
    database.close()
    assert found.rows == [(0,)]


@pytest.mark.postgres
def test_a_query_shows_times_in_utc_whatever_the_server_s_zone(postgres_url: str) -> None:
    database = Database(postgres_url)
    name = make_url(postgres_url).database
    with database.write() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE \"{name}\" SET timezone = 'Asia/Tokyo'")
    database.close()
    sql = "SELECT CAST(TIMESTAMPTZ '2026-03-01 12:00+00' AS text)"
    found = database.query(sql, timeout_seconds=10, limit=1)
    assert found.rows == [("2026-03-01 12:00:00+00",)]
    database.close()


def test_a_server_that_is_away_is_no_fault_of_the_query() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(StoreUnavailable):
        ask(database, "SELECT 1")
