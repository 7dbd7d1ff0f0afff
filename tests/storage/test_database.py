"""What happens when the database is away, busy, or not a database."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import OperationalError

from driftgauge.storage import (
    Database,
    StaleFlush,
    StorageError,
    Store,
    StoreUnavailable,
)
from driftgauge.storage.failure import storage_error

from ..stores import STREAM, TOPIC, advance, evidence, flush


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
    with pytest.raises(StorageError, match="in-memory SQLite database cannot be shared") as caught:
        Database(url)
    assert caught.value.hint.startswith("sqlite:///driftgauge.db or postgresql://")


@pytest.mark.postgres
@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_server_may_be_named_as_platforms_name_it(postgres_url: str, scheme: str) -> None:
    database = Database(f"{scheme}:{postgres_url.partition(':')[2]}")
    database.upgrade()
    database.close()


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


def modes(folder: Path) -> dict[str, str]:
    return {path.name: oct(path.stat().st_mode)[-3:] for path in folder.iterdir()}


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_only_its_owner_may_read_the_database_and_the_files_beside_it(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/driftgauge.db")
    database.upgrade()
    Store(database).ensure_stream(STREAM, TOPIC, 60)
    names = ("driftgauge.db", "driftgauge.db-shm", "driftgauge.db-wal")
    assert modes(tmp_path) == dict.fromkeys(names, "600")
    assert not database.others_may_read()
    database.close()


@pytest.mark.usefixtures("open_umask")
def test_a_file_of_an_earlier_version_is_closed_to_others_with_its_upgrade(tmp_path: Path) -> None:
    path = tmp_path / "driftgauge.db"
    database = Database(f"sqlite:///{path}")
    database.upgrade()
    with database.write() as connection:
        connection.exec_driver_sql("DELETE FROM view_definition")
    path.chmod(0o644)
    assert database.others_may_read()
    database.upgrade()
    assert modes(tmp_path)["driftgauge.db"] == "600"
    path.chmod(0o640)  # a person's choice from here on
    database.upgrade()
    assert modes(tmp_path)["driftgauge.db"] == "640"
    database.close()


def test_a_folder_that_cannot_be_made_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    database = Database(f"sqlite:///{tmp_path}/file/driftgauge.db")
    with pytest.raises(StorageError, match=r"cannot create the database .*: ") as caught:
        database.upgrade()
    assert "write permission on the file and its folder" in caught.value.hint


def test_a_full_disk_is_waited_for_and_says_what_to_do(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/driftgauge.db")
    database.upgrade()
    store = Store(database)
    store.ensure_stream(STREAM, TOPIC, 60)
    kept = [evidence(n, thumbnail=b"x" * 4096) for n in range(50)]
    with database.write() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")  # it cannot grow
    with pytest.raises(StoreUnavailable, match="disk is full") as caught:
        store.flush(flush(advance(None, 1), evidence=kept))
    assert caught.value.hint == "free space on the database's disk"
    database.close()


def test_a_file_that_may_not_be_written_says_so_at_once(tmp_path: Path) -> None:
    path = tmp_path / "driftgauge.db"
    database = Database(f"sqlite:///{path}")
    with database.write() as connection:
        connection.exec_driver_sql("PRAGMA query_only = 1")
        with pytest.raises(OperationalError) as inner:
            connection.exec_driver_sql("CREATE TABLE anything (n INTEGER)")
    told = storage_error(inner.value, database.name)
    assert told.retryable
    assert "readonly database" in str(told)
    assert (
        told.hint
        == "give the user that runs driftgauge write permission on the file and its folder"
    )
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


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("user", "name", "words", "hint"),
    [
        ("nobody", "postgres", "role .*nobody.* does not exist", "check user and password"),
        ("postgres", "nothing", "database .*nothing.* does not exist", "CREATE DATABASE"),
    ],
)
def test_a_server_that_lets_nobody_in_says_why(
    postgres_url: str, user: str, name: str, words: str, hint: str
) -> None:
    url = make_url(postgres_url).set(username=user, database=name)
    database = Database(url.render_as_string(hide_password=False))
    with pytest.raises(StoreUnavailable, match=words) as caught:
        database.check_schema()
    assert hint in caught.value.hint
    database.close()


def test_a_wrong_password_says_where_it_stands(postgres_url: str) -> None:
    hint = storage_error(
        OperationalError("", {}, Exception('password authentication failed for user "x"')), "db"
    ).hint
    assert "[store] url" in hint
    assert "%40" in hint


@pytest.mark.postgres
def test_a_user_without_rights_is_told_which(postgres_url: str) -> None:
    owner = Database(postgres_url)
    user = f"reader_{uuid.uuid4().hex[:8]}"
    with owner.write() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {user} LOGIN")
        connection.exec_driver_sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    url = make_url(postgres_url).set(username=user)
    weak = Database(url.render_as_string(hide_password=False))
    with pytest.raises(StorageError, match="permission denied for schema public") as caught:
        weak.upgrade()
    assert "GRANT CREATE" in caught.value.hint
    owner.upgrade()
    with pytest.raises(StorageError, match="permission denied for table") as caught:
        weak.check_schema()
    assert "GRANT" in caught.value.hint
    weak.close()
    with owner.write() as connection:
        connection.exec_driver_sql(f"DROP ROLE {user}")
    owner.close()


@pytest.mark.postgres
def test_a_standby_is_waited_for(postgres_url: str) -> None:
    database = Database(f"{postgres_url}?options=-c%20default_transaction_read_only%3Don")
    with pytest.raises(StoreUnavailable, match="read-only transaction") as caught:
        database.upgrade()
    assert "primary" in caught.value.hint
    database.close()


@pytest.mark.postgres
def test_views_that_stand_on_driftgauge_s_are_named_before_an_upgrade(postgres_url: str) -> None:
    database = Database(postgres_url)
    database.upgrade()
    with database.write() as connection:
        connection.exec_driver_sql("CREATE VIEW mine AS SELECT * FROM ood_rate_daily")
        connection.exec_driver_sql("UPDATE view_definition SET digest = 'earlier'")
    with pytest.raises(StorageError, match="other objects depend on it") as caught:
        database.upgrade()
    assert caught.value.hint == "drop your views that read driftgauge's, and upgrade again"
    database.close()


def test_a_missing_driver_names_a_line_that_installs_it() -> None:
    code = """
import sys
sys.modules["psycopg"] = None
from driftgauge.storage import Database, StorageError
try:
    Database("postgres://host/name")
except StorageError as error:
    print(error.hint)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "in driftgauge's folder: pip install -e '.[agent,postgres]'"


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
