"""A disk that is full in a flush, a roll-up, retention or an upgrade: a clear error, and each count once after it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from driftgauge.storage import Database, Store, StoreUnavailable

from ..storage.test_move import counted, fill_at, wanted
from ..stores import START, STREAM, TOPIC
from .history_writer import KEEP, flush_at, turn
from .test_history_kill import has_each_count_once

TURNS = 12
"""After so many there is something to roll up and to drop."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Give the folder of a disk of 8 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "driftgauge", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """Let something else take all that is left."""
    filler = disk / "filler"
    with pytest.raises(OSError, match="No space left"):
        write_without_end(filler)
    yield
    filler.unlink()


def write_without_end(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


def refused(act: Callable[[], object]) -> None:
    with pytest.raises(StoreUnavailable, match="disk is full") as told:
        act()
    assert told.value.hint == "free space on the database's disk"


def flush_next(store: Store) -> None:
    """Write flushes until the file has to grow."""
    for _ in range(200):
        offset = store.offsets(STREAM, [(TOPIC, 0)])[TOPIC, 0]
        store.flush(flush_at(offset))


def roll_up_all(store: Store) -> None:
    while store.upkeep.roll_up_some(slice_rows=30):
        pass


def retain_all(store: Store) -> None:
    list(store.upkeep.retain(STREAM, KEEP))


@pytest.mark.parametrize("act", [flush_next, roll_up_all, retain_all])
def test_what_meets_a_full_disk_says_so_and_each_count_is_there_once(
    disk: Path, act: Callable[[Store], None]
) -> None:
    database = Database(f"sqlite:///{disk}/driftgauge.db")
    database.upgrade()
    Store(database).ensure_stream(STREAM, TOPIC, 60)
    for _ in range(TURNS):
        turn(database)
    store = Store(database, now=lambda: START + timedelta(days=30))
    if act is roll_up_all:
        for offset in range(TURNS, 3 * TURNS):
            store.flush(flush_at(offset))
    if act is retain_all:
        roll_up_all(store)
        judge_all(database)
    empty_log(database)
    with full(disk):
        refused(lambda: act(store))
        assert store.offsets(STREAM, [(TOPIC, 0)])  # and it is read
    has_each_count_once(database)
    database.close()


def empty_log(database: Database) -> None:
    """Let the next transaction need room."""
    with database.autocommit() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def judge_all(database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE segment_progress SET waiting_since = NULL")


def test_an_upgrade_that_meets_a_full_disk_goes_on_when_there_is_room(disk: Path) -> None:
    database = Database(f"sqlite:///{disk}/driftgauge.db")
    fill_at(database, "0010")
    empty_log(database)
    with full(disk):
        refused(database.upgrade)
    assert database.upgrade()
    database.check_schema()
    assert counted(database) == wanted()
    database.close()


def test_a_process_that_starts_on_a_full_disk_says_where_to_look(disk: Path) -> None:
    database = Database(f"sqlite:///{disk}/driftgauge.db")
    database.upgrade()
    database.close()
    with full(disk):
        with pytest.raises(StoreUnavailable, match="disk I/O error") as told:
            database.upgrade()
        assert told.value.hint == "see whether the database's disk is full (df) or fails (dmesg)"
    database.check_schema()
    database.close()
