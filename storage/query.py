"""SQL that a person wrote, on a connection that cannot write.

SQLite: the file is opened read-only, and an authorizer refuses every action but reading: no ATTACH,
no PRAGMA, no VACUUM INTO. PostgreSQL: a read-only transaction, and the text is the body of a cursor
sent by the extended protocol, so that it is one SELECT and cannot end the transaction.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Engine

from .errors import QueryRefused, QueryTimedOut, StorageError, StoreUnavailable
from .sqlite_file import read_address

_READING = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
)
_STEPS_BETWEEN_LOOKS = 10_000
"""SQLite's virtual machine takes about as many in a millisecond."""

_CANCELLED = "57014"
_OUTAGES = ("SQLITE_CANTOPEN", "SQLITE_BUSY", "SQLITE_IOERR", "SQLITE_NOTADB", "SQLITE_CORRUPT")


@dataclass(frozen=True, slots=True)
class QueryResult:
    """What a query found.

    Attributes:
        columns: their names; two may be equal.
        is_cut: whether there were more rows than asked for.
    """

    columns: tuple[str, ...]
    rows: list[tuple[object, ...]]
    is_cut: bool


class _Cursor(Protocol):
    @property
    def description(self) -> Sequence[Any] | None: ...
    def fetchmany(self, size: int, /) -> Sequence[Any]: ...


def query_sqlite(path: Path, sql: str, *, timeout_seconds: float, limit: int) -> QueryResult:
    """Run *sql* on the file *path*; raises as `Database.query` says."""
    if not path.exists():
        raise StorageError(f"there is no database at {path}", hint="see --store")
    address = read_address(path)
    deadline = time.monotonic() + timeout_seconds
    with closing(sqlite3.connect(address, uri=True, timeout=timeout_seconds)) as connection:
        connection.text_factory = lambda found: found.decode("utf-8", "replace")
        connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS_BETWEEN_LOOKS)
        connection.set_authorizer(
            lambda action, *_: sqlite3.SQLITE_OK if action in _READING else sqlite3.SQLITE_DENY
        )
        try:
            return _result(connection.execute(sql), limit)
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise _of_sqlite(error, path, timeout_seconds) from error


def query_postgresql(
    engine: Engine, sql: str, *, timeout_seconds: float, limit: int
) -> QueryResult:
    """Run *sql* on the server; raises as `Database.query` says."""
    with engine.connect() as connection:
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {round(1000 * timeout_seconds)}")
        connection.exec_driver_sql("SET LOCAL timezone = 'UTC'")
        with closing(connection.connection.cursor()) as cursor:
            driver: Any = cursor
            try:
                # Binary is what makes the driver use the extended protocol, without parameters.
                declared = f"DECLARE answer NO SCROLL CURSOR FOR {sql.strip().rstrip(';')}"
                driver.execute(declared, binary=True)
                driver.execute(f"FETCH FORWARD {limit + 1} FROM answer")
                return _result(driver, limit)
            except connection.dialect.loaded_dbapi.Error as error:
                raise _of_postgresql(error, timeout_seconds) from error


def _result(cursor: _Cursor, limit: int) -> QueryResult:
    if cursor.description is None:
        raise QueryRefused("the query is empty")
    rows = [tuple(row) for row in cursor.fetchmany(limit + 1)]
    columns = tuple(str(column[0]) for column in cursor.description)
    return QueryResult(columns, rows[:limit], len(rows) > limit)


def _of_sqlite(error: Exception, path: Path, timeout_seconds: float) -> StorageError:
    name = getattr(error, "sqlite_errorname", None) or ""
    if name == "SQLITE_INTERRUPT":
        return _timed_out(timeout_seconds)
    if name == "SQLITE_AUTH":
        return QueryRefused("the query does more than read", hint=_ONLY_READS)
    if name.startswith(_OUTAGES):
        return StorageError(f"{path} cannot be read: {error}")
    return QueryRefused(f"the query cannot be run: {error}")


def _of_postgresql(error: Exception, timeout_seconds: float) -> StorageError:
    state = getattr(error, "sqlstate", None)
    if state == _CANCELLED:
        return _timed_out(timeout_seconds)
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    if state is None or state.startswith(("08", "53", "57")):  # connection, resources, shutdown
        return StoreUnavailable(f"the database did not answer: {reason}")
    if state in ("25006", "0A000"):
        return QueryRefused(f"the query does more than read: {reason}", hint=_ONLY_READS)
    return QueryRefused(f"the query cannot be run: {reason}")


def _timed_out(timeout_seconds: float) -> QueryTimedOut:
    return QueryTimedOut(f"the query took longer than {timeout_seconds:g} s")


_ONLY_READS = "write one SELECT; driftgauge's own commands change alerts and detectors"
