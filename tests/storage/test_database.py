"""What happens when the database is away, busy, or not a database."""

from __future__ import annotations

import socket
import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from driftgauge.storage import (
    Database,
    StaleFlush,
    StorageError,
    Store,
    StoreUnavailable,
)

from ..stores import STREAM, TOPIC, advance, flush


def test_a_missing_folder_is_made_on_first_use(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/deep/er/driftgauge.db")
    assert not (tmp_path / "deep").exists()
    database.upgrade()
    database.close()
    assert (tmp_path / "deep" / "er" / "driftgauge.db").exists()


def test_a_reader_makes_no_file(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/typo/driftgauge.db", make=False)
    with pytest.raises(StorageError, match=r"no database at .*typo/driftgauge\.db"):
        database.check_schema()
    assert list(tmp_path.iterdir()) == []


def test_relative_paths_are_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    database = Database("sqlite:///driftgauge.db")
    database.upgrade()
    database.close()
    assert (tmp_path / "driftgauge.db").exists()


def test_sqlite_runs_in_wal_mode_with_foreign_keys(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/driftgauge.db")
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    database.close()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_memory_cannot_be_shared(url: str) -> None:
    with pytest.raises(StorageError, match="in memory cannot be shared") as caught:
        Database(url)
    assert caught.value.hint.startswith("sqlite:///driftgauge.db or postgresql://")


@pytest.mark.parametrize("url", ["mysql://host/name", "driftgauge.db"])
def test_unknown_databases_are_refused_with_examples(url: str) -> None:
    with pytest.raises(StorageError) as caught:
        Database(url)
    assert "sqlite:///driftgauge.db" in caught.value.hint


def test_a_locked_sqlite_is_waited_for_then_reported(tmp_path: Path) -> None:
    path = tmp_path / "driftgauge.db"
    database = Database(f"sqlite:///{path}", busy_seconds=0.05)
    database.upgrade()
    store = Store(database)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="database is locked") as caught:
        store.ensure_stream(STREAM, TOPIC, 60)
    assert caught.value.retryable
    assert store.streams() == []  # readers are not held up
    holder.rollback()
    holder.close()
    store.ensure_stream(STREAM, TOPIC, 60)
    database.close()


def test_a_writer_waits_for_the_other_s_end(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/driftgauge.db")
    database.upgrade()
    store = Store(database)
    started = threading.Event()
    with database.write() as connection:
        connection.execute(text("DELETE FROM stream"))

        def other() -> None:
            started.set()
            store.ensure_stream(STREAM, TOPIC, 60)

        thread = threading.Thread(target=other)
        thread.start()
        started.wait()
    thread.join()
    assert [row.stream for row in store.streams()] == [STREAM]
    database.close()


def test_a_file_that_is_no_database_is_not_worth_retrying(tmp_path: Path) -> None:
    path = tmp_path / "driftgauge.db"
    path.write_bytes(b"an image, perhaps" * 100)
    database = Database(f"sqlite:///{path}")
    with pytest.raises(StorageError, match="file is not a database") as caught:
        database.upgrade()
    assert not caught.value.retryable
    database.close()


def test_an_error_in_the_sql_is_not_worth_retrying(database: Database) -> None:
    with pytest.raises(StorageError, match="syntax error") as caught, database.read() as connection:
        connection.exec_driver_sql("SELEC 1")
    assert not caught.value.retryable


def test_a_server_that_does_not_listen_can_be_retried_and_keeps_the_password() -> None:
    pytest.importorskip("psycopg")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        port = taken.getsockname()[1]
        database = Database(f"postgresql://agent:hush@127.0.0.1:{port}/driftgauge")
        with pytest.raises(StoreUnavailable, match="did not answer") as caught:
            database.check_schema()
    assert caught.value.retryable
    assert "hush" not in str(caught.value)
    assert "hush" not in database.name
    database.close()


@pytest.mark.postgres
def test_a_server_that_cuts_the_connection_is_found_again(postgres_url: str) -> None:
    database = Database(postgres_url)
    database.upgrade()
    store = Store(database)
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
    cut += "AND datname = current_database()"
    killer = Database(postgres_url)

    def write_while_it_is_cut() -> None:
        with database.write() as connection:
            connection.exec_driver_sql("SELECT 1")
            with killer.read() as other:
                other.exec_driver_sql(cut)
            connection.exec_driver_sql("SELECT 1")

    with pytest.raises(StoreUnavailable) as caught:
        write_while_it_is_cut()
    assert caught.value.retryable
    assert store.streams() == []
    killer.close()
    database.close()


def test_an_exception_within_a_transaction_undoes_it(store: Store, database: Database) -> None:
    def fail() -> None:
        with database.write() as connection:
            connection.execute(text("UPDATE stream SET topic = 'other'"))
            raise KeyError("a fault of ours")

    with pytest.raises(KeyError):
        fail()
    assert [row.topic for row in store.streams()] == [TOPIC]


def test_reading_does_not_write(store: Store, database: Database) -> None:
    store.flush(flush(advance(None, 1)))
    with pytest.raises(StaleFlush):
        store.flush(flush(advance(None, 1)))
    assert len(store.partitions(STREAM)) == 1


def test_closing_twice_is_safe(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/driftgauge.db")
    database.upgrade()
    database.close()
    database.close()
