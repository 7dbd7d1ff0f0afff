"""What keeps the history quick and small: roll-up, retention and the thinning of evidence.

Every step is a transaction of its own and takes a fraction of a second, so that flushes go on beside it.
Whoever does a step leaves the history whole: a kill between two costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from .backup import backup_sqlite
from .database import Database
from .errors import StorageError
from .evidence_thinning import STEP_ROWS, drop_evidence, drop_old_evidence, excess_evidence
from .retention import (
    KeepSpans,
    LevelKeep,
    count_dropped,
    drop_old_partition,
    drop_some,
    longest_keep,
    move_marks,
    note_keep,
    plan_retention,
    tend_partitions,
)
from .rollup import SLICE_ROWS, due_until, roll_up_some
from .sqlite_file import give_space_back, note_sizes


class Upkeep:
    """The upkeep of one database; one agent at a time does it, under a lease.

    Args:
        database: upgraded to this version.
        now: the database's time, given a connection.
    """

    def __init__(self, database: Database, now: Callable[[Connection], datetime]) -> None:
        self._database = database
        self._now = now

    def roll_up_some(self, *, slice_rows: int = SLICE_ROWS) -> int:
        """Add some closed windows to the hours and days; return how many, 0 when none is left."""
        with self._database.write() as connection:
            until = due_until(connection, self._now(connection))
            return roll_up_some(connection, until, slice_rows=slice_rows)

    def plan_retention(
        self, stream: str, keep: KeepSpans, *, count: bool = False
    ) -> list[LevelKeep]:
        """Return from when each level is kept now that *stream* wants *keep*.

        Where another stream of the database wants more, that holds. *count* the rows that go, which
        takes a while.
        """
        with self._database.read() as connection:
            longest = longest_keep(connection, stream, keep)
            plan = plan_retention(connection, longest, self._now(connection))
            if not count:
                return plan
            return [replace(level, rows=count_dropped(connection, level)) for level in plan]

    def retain(self, stream: str, keep: KeepSpans) -> Iterator[int]:
        """Drop what is older than *stream* and all others keep, in steps; gives how many rows each dropped.

        A partition that is dropped at once counts as one.
        """
        with self._database.write() as connection:
            note_keep(connection, stream, keep)
            longest = longest_keep(connection, stream, keep)
            move_marks(connection, plan_retention(connection, longest, self._now(connection)))
        if not self._database.is_sqlite:
            self._tend_partitions()
        while n_dropped := self._drop_some():
            yield n_dropped
        if self._database.is_sqlite:
            with self._database.autocommit() as connection:
                give_space_back(connection)
                note_sizes(connection)

    def _tend_partitions(self) -> None:
        with self._database.write() as connection:
            tend_partitions(connection, self._now(connection))

    def _drop_some(self) -> int:
        with self._database.write() as connection:
            if not self._database.is_sqlite and drop_old_partition(connection):
                return 1
            return drop_some(connection)

    def backup(self, to: Path, on_pages: Callable[[int, int], None] | None = None) -> None:
        """Copy an SQLite database to the file *to* while agents write on; see `backup_sqlite`."""
        path = self._database.path
        if path is None:
            raise StorageError(
                "PostgreSQL is copied by its own tools", hint="pg_dump -Fc -f FILE DATABASE"
            )
        backup_sqlite(path, to, on_pages or (lambda done, of: None))

    def prune_evidence(self, stream: str, *, before: datetime, max_bytes: int) -> int:
        """Delete events kept before *before*, then those worth least beyond *max_bytes*; count them."""
        return sum(self._drop_old_evidence(stream, before)) + sum(
            self._drop_excess_evidence(stream, max_bytes)
        )

    def _drop_old_evidence(self, stream: str, before: datetime) -> Iterator[int]:
        n_dropped = 1
        while n_dropped:
            with self._database.write() as connection:
                n_dropped = drop_old_evidence(connection, stream, before=before)
            yield n_dropped

    def _drop_excess_evidence(self, stream: str, max_bytes: int) -> Iterator[int]:
        with self._database.read() as connection:
            ids = excess_evidence(connection, stream, max_bytes=max_bytes)
        for first in range(0, len(ids), STEP_ROWS):
            with self._database.write() as connection:
                yield drop_evidence(connection, ids[first : first + STEP_ROWS])
