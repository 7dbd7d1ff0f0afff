"""The connection to SQLite or PostgreSQL, and what the rest may not know of either."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from .errors import StorageError
from .failure import storage_error
from .schema import check_schema, upgrade_schema

BUSY_SECONDS = 10.0
CONNECT_SECONDS = 10
WAL_RETRY_SECONDS = 0.02
_WRITES = "driftgauge_writes"


class Database:
    """A pool of connections; threads may share it, processes may not.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     database = Database(f"sqlite:///{folder}/driftgauge.db")
        ...     database.upgrade()
        ...     database.close()
        True
    """

    def __init__(self, url: str, *, make: bool = True, busy_seconds: float = BUSY_SECONDS) -> None:
        """Connect to nothing yet.

        Args:
            url: ``sqlite:///relative.db``, ``sqlite:////absolute.db`` (file and folder are made on
                first use) or ``postgresql://user:password@host/name``.
            make: False refuses an SQLite file that is not there, for those who only read.
            busy_seconds: how long a statement waits for another writer of an SQLite file.
        """
        self._url = _parse(url)
        self._engine = (
            _sqlite_engine(self._url, make=make, busy_seconds=busy_seconds)
            if self.is_sqlite
            else _postgresql_engine(self._url)
        )
        self._writers = self._engine.execution_options(**{_WRITES: True})

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is an SQLite file."""
        return self._url.get_backend_name() == "sqlite"

    @property
    def name(self) -> str:
        """The URL with the password hidden."""
        hidden = {key: "***" for key in self._url.query if "password" in key}
        return self._url.update_query_dict(hidden).render_as_string(hide_password=True)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection in a transaction that sees one state of the database."""
        with self._translated(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection in a transaction that is kept whole or not at all."""
        with self._translated(), self._writers.begin() as connection:
            yield connection

    def upgrade(self) -> bool:
        """Bring the tables and views to this version; return whether they were not yet.

        Safe to call from many agents at once.
        """
        with self.write() as connection:
            return upgrade_schema(connection)

    def check_schema(self) -> None:
        """Raise SchemaOutOfDate unless the tables are those of this version."""
        with self.read() as connection:
            check_schema(connection)

    def close(self) -> None:
        """Close the pool's connections; safe to call twice."""
        self._engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise storage_error(error, self.name) from error


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise StorageError("the store's url is not a database url", hint=_URL_HINT) from None
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise StorageError(f"{backend} is not a database that driftgauge knows", hint=_URL_HINT)
    if parsed.database in (None, "", ":memory:"):
        raise StorageError("an SQLite database in memory cannot be shared", hint=_URL_HINT)
    return parsed


_NO_FILE_HINT = "name the file that the agent writes, in [store] url; the agent makes it"
_URL_HINT = "sqlite:///driftgauge.db or postgresql://user:password@host/name"


def _sqlite_engine(url: URL, *, make: bool, busy_seconds: float) -> Engine:
    engine = create_engine(url, connect_args={"timeout": busy_seconds, "isolation_level": None})
    path = Path(str(url.database))

    @event.listens_for(engine, "do_connect")
    def find_or_make(*_: object) -> None:
        if not make and not path.exists():
            raise StorageError(f"there is no database at {path}", hint=_NO_FILE_HINT)
        path.parent.mkdir(parents=True, exist_ok=True)

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: object) -> None:
        # NORMAL loses the last transactions with the power, never their wholeness: offsets go
        # with their counts, so the events are read and counted again.
        _use_wal(connection, busy_seconds)
        for pragma in ("synchronous=NORMAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads before it writes fails at once if another wrote in between,
        # whatever the busy timeout; IMMEDIATE waits for its turn at the start.
        writes = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _use_wal(connection: Any, busy_seconds: float) -> None:
    """Turn the file to WAL, whose first time needs it alone and heeds no busy timeout."""
    deadline = time.monotonic() + busy_seconds
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(WAL_RETRY_SECONDS)


def _postgresql_engine(url: URL) -> Engine:
    try:
        return create_engine(
            url,
            pool_pre_ping=True,
            connect_args={"connect_timeout": CONNECT_SECONDS, "application_name": "driftgauge"},
        )
    except ModuleNotFoundError as error:
        raise StorageError(
            f"PostgreSQL needs a package that is not installed: {error.name}",
            hint='pip install "driftgauge[postgres]"',
        ) from error
