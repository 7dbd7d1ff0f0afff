"""The connection to SQLite or PostgreSQL, and what the rest may not know of either."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import URL, Connection, inspect, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from .clock import database_now
from .errors import RowRefused, StorageError, StoreUnavailable
from .failure import storage_error
from .move import is_left_to_move, move_some, n_to_move
from .postgresql import postgresql_engine
from .query import QueryResult, query_postgresql, query_sqlite
from .rollup import due_until, roll_up_some
from .schema import check_schema, take_turn, upgrade_schema
from .sqlite_file import WRITES, keep_to_owner, note_sizes, others_may_read, sqlite_engine

BUSY_SECONDS = 10.0


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

    def __init__(
        self,
        url: str,
        *,
        make: bool = True,
        busy_seconds: float = BUSY_SECONDS,
        reads_only: bool = False,
    ) -> None:
        """Connect to nothing yet.

        Args:
            url: ``sqlite:///relative.db``, ``sqlite:////absolute.db`` (file and folder are made on
                first use) or ``postgresql://user:password@host/name``, also as ``postgres://``.
            make: False refuses an SQLite file that is not there, for those who only read.
            busy_seconds: how long a statement waits for another writer of an SQLite file.
            reads_only: its connections refuse to write, and it makes no file.
        """
        self._url = _parse(url)
        self._engine = (
            sqlite_engine(
                self._url,
                make=make and not reads_only,
                busy_seconds=busy_seconds,
                reads_only=reads_only,
            )
            if self.is_sqlite
            else postgresql_engine(self._url, reads_only=reads_only)
        )
        self._writers = self._engine.execution_options(**{WRITES: True})

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is an SQLite file."""
        return self._url.get_backend_name() == "sqlite"

    @property
    def path(self) -> Path | None:
        """The SQLite file; None on PostgreSQL."""
        return Path(str(self._url.database)) if self.is_sqlite else None

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

    @contextmanager
    def autocommit(self) -> Iterator[Connection]:
        """Give a connection without a transaction, for what cannot run in one."""
        engine = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        with self._translated(), engine.connect() as connection:
            yield connection

    def query(self, sql: str, *, timeout_seconds: float, limit: int) -> QueryResult:
        """Run one SELECT that a person wrote, on a connection that cannot write.

        Args:
            sql: without parameters.
            timeout_seconds: for all of it.
            limit: at most this many rows.

        Raises:
            QueryRefused: it is wrong, or does more than read.
            QueryTimedOut: it took longer.
        """
        with self._translated():
            if self.path is not None:
                return query_sqlite(self.path, sql, timeout_seconds=timeout_seconds, limit=limit)
            return query_postgresql(self._engine, sql, timeout_seconds=timeout_seconds, limit=limit)

    def table_names(self) -> list[str]:
        """Return the tables that the database has, by name."""
        with self.read() as connection:
            return sorted(inspect(connection).get_table_names())

    def view_names(self) -> list[str]:
        """Return the views that the database has, by name."""
        with self.read() as connection:
            return sorted(inspect(connection).get_view_names())

    def upgrade(self, on_move: Callable[[int, int], None] | None = None) -> bool:
        """Bring the tables and views to this version; return whether they were not yet.

        Safe to call from many agents at the same time, and again after a kill: it goes on from there.
        A file of an earlier version, which was made as the umask said, can be read by its owner only
        from then on.

        Args:
            on_move: receives how many rows of how many are moved to new tables, where there are any.
        """
        with self.write() as connection:
            changed = upgrade_schema(connection)
        changed |= self._move(on_move or (lambda moved, of: None))
        if changed and self.path is not None:
            keep_to_owner(self.path)
            with suppress(StoreUnavailable), self.autocommit() as connection:
                note_sizes(connection)
        return changed

    def _move(self, on_move: Callable[[int, int], None]) -> bool:
        """Move what an earlier version counted to the new tables; return whether there was any."""
        with self.read() as connection:
            if not is_left_to_move(connection):
                return False
            total = n_to_move(connection)
        self._move_all(total, on_move)
        if self.is_sqlite:
            self._give_space_back()
        return True

    def _move_all(self, total: int, on_move: Callable[[int, int], None]) -> None:
        done = 0
        while moved := self._move_some():
            done += moved
            on_move(done, total)
        while self._roll_up_some():
            pass

    def _roll_up_some(self) -> int:
        with self.write() as connection:
            return roll_up_some(connection, due_until(connection, database_now(connection)))

    def _give_space_back(self) -> None:
        """Rewrite the file, which is a fraction of its length now; not while others are in it."""
        with suppress(StoreUnavailable), self.autocommit() as connection:
            connection.exec_driver_sql("PRAGMA auto_vacuum=INCREMENTAL")
            connection.exec_driver_sql("VACUUM")

    def _move_some(self) -> int:
        with self.write() as connection:
            take_turn(connection)
            return move_some(connection) if is_left_to_move(connection) else 0

    def others_may_read(self) -> bool:
        """Return whether other users of this machine may read the SQLite file, and its pictures."""
        return self.path is not None and others_may_read(self.path)

    def check_schema(self) -> None:
        """Raise SchemaOutOfDate unless tables and views are those of this version."""
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
        except (OverflowError, UnicodeError) as error:  # drivers raise these as they are
            raise RowRefused(f"{self.name} cannot hold a value: {error}") from error


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise StorageError("[store] url is not a database URL", hint=_URL_HINT) from None
    backend = parsed.get_backend_name()
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql")
    if backend != "sqlite":
        raise StorageError(f"{backend} is not a database that driftgauge supports", hint=_URL_HINT)
    if parsed.database in (None, "", ":memory:"):
        raise StorageError("an in-memory SQLite database cannot be shared", hint=_URL_HINT)
    return parsed


_URL_HINT = "sqlite:///driftgauge.db or postgresql://user:password@host/name"
