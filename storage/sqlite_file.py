"""An SQLite database: its file, who may read it, and how its connections are set up."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event

from .errors import StorageError
from .failure import file_error

OWNER_ONLY = 0o600
"""The file holds pictures: nobody but its owner may read them."""

WRITES = "driftgauge_writes"
"""The execution option of a transaction that writes."""

_OTHERS = 0o077
_VACUUM_PAGES = 500
_WAL_RETRY_SECONDS = 0.02
_ANALYSED_ROWS = 1000
_NO_FILE_HINT = "set [store] url to the agent's file; the agent creates it"


def sqlite_engine(url: URL, *, make: bool, busy_seconds: float, reads_only: bool = False) -> Engine:
    """Return an engine for the file that *url* names.

    Args:
        url: of a file.
        make: False refuses a file that is not there.
        busy_seconds: how long a statement waits for another writer.
        reads_only: whether its connections cannot write.
    """
    engine = create_engine(url, connect_args={"timeout": busy_seconds, "isolation_level": None})
    path = Path(str(url.database))

    @event.listens_for(engine, "do_connect")
    def find_or_make(*_: object) -> sqlite3.Connection | None:
        if not make and not path.exists():
            raise StorageError(f"there is no database at {path}", hint=_NO_FILE_HINT)
        if path.exists() and (reads_only or is_on_read_only_mount(path)):
            return sqlite3.connect(
                read_address(path), uri=True, isolation_level=None, check_same_thread=False
            )
        try:
            _make_file(path)
        except OSError as error:
            raise file_error(error, path) from error
        return None

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: object) -> None:
        # NORMAL loses the last transactions with the power, never their wholeness: offsets go
        # with their counts, so the events are read and counted again.
        if path.exists() and (reads_only or is_on_read_only_mount(path)):
            return
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL").close()  # of a file without tables
        _use_wal(connection, busy_seconds)
        for pragma in ("synchronous=NORMAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads before it writes fails immediately if another wrote in between,
        # whatever the busy timeout; IMMEDIATE waits for its turn at the start.
        options = connection.get_execution_options()
        if options.get("isolation_level") == "AUTOCOMMIT":
            return
        writes = options.get(WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def is_on_read_only_mount(path: Path) -> bool:
    """Return whether the folder of *path* can be written by nobody."""
    return bool(os.statvfs(path.parent).f_flag & os.ST_RDONLY)


def read_address(path: Path) -> str:
    """Return the URI by which SQLite opens *path* for reading only.

    Beside a file in WAL mode it must make a -shm, and a read-only mount refuses that. Where no -wal holds
    anything, nothing is missing without it, and nobody changes the file.
    """
    wal = path.with_name(f"{path.name}-wal")
    alone = is_on_read_only_mount(path) and not (wal.exists() and wal.stat().st_size)
    return f"file:{quote(str(path.absolute()))}?mode=ro{'&immutable=1' if alone else ''}"


def give_space_back(connection: Connection) -> None:
    """Shorten the file by its free pages, some at a time; outside a transaction.

    A file of an earlier version keeps its length until it is upgraded with nobody else in it, or VACUUM
    is run on it.
    """
    while connection.exec_driver_sql("PRAGMA freelist_count").scalar():
        before = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})")
        if connection.exec_driver_sql("PRAGMA page_count").scalar() == before:
            return


def note_sizes(connection: Connection) -> None:
    """Let SQLite count what its indexes hold, some rows of each; milliseconds, outside a transaction.

    Without that it takes all tables for equally large, and reads every window there is to find the last
    sixty of one series. PostgreSQL does the same by itself.
    """
    connection.exec_driver_sql(f"PRAGMA analysis_limit={_ANALYSED_ROWS}")
    connection.exec_driver_sql("ANALYZE")


def others_may_read(path: Path) -> bool:
    """Return whether anybody but the owner may read or write the file."""
    return bool(path.stat().st_mode & _OTHERS)


def keep_to_owner(path: Path) -> None:
    """Make the file, and SQLite's two files next to it, readable by the owner only."""
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        beside = path.with_name(name)
        if beside.exists():
            beside.chmod(OWNER_ONLY)


def _make_file(path: Path) -> None:
    """Create an empty file, which SQLite accepts as a new database, if there is none.

    SQLite would make it as the umask says; its -wal and -shm get the modes of this one.
    """
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        made = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, OWNER_ONLY)
    except FileExistsError:  # another agent was quicker
        return
    try:
        os.fchmod(made, OWNER_ONLY)  # a umask can only have taken bits away; SQLite needs both
    finally:
        os.close(made)


def _use_wal(connection: Any, busy_seconds: float) -> None:
    """Turn the file to WAL, whose first time needs it alone and heeds no busy timeout."""
    deadline = time.monotonic() + busy_seconds
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
        except sqlite3.OperationalError as error:
            is_busy = error.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))
            if not is_busy or time.monotonic() > deadline:
                raise
            time.sleep(_WAL_RETRY_SECONDS)
