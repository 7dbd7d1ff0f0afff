"""Rows of the taps that are kept to learn from; a file is written before its row, and deleted after."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection, func, select, tuple_

from .database import Database
from .errors import RecordConflict
from .kept_records import KeptRun, KeptShard
from .kept_tables import kept_run, kept_shard
from .upsert import upsert

_RUN = tuple(kept_run.c[name] for name in ("segment", "run_start", "priority", "events", "unusual"))
_SHARD = tuple(
    kept_shard.c[name]
    for name in (
        *("run_start", "path", "sha256", "bytes", "events", "origin", "detector"),
        "written_at",
    )
)
STEP_ROWS = 500


def write_kept(
    connection: Connection,
    stream: str,
    shards: Sequence[KeptShard],
    runs: Sequence[KeptRun],
    now: datetime,
) -> None:
    """Write the rows of files that are in place, and add to the runs that they are of."""
    for shard in shards:
        row = {"stream": stream, **asdict(shard), "written_at": shard.written_at or now}
        connection.execute(upsert(connection, kept_shard).on_conflict_do_nothing(), row)
    if not runs:
        return
    statement = upsert(connection, kept_run)
    added = {name: kept_run.c[name] + statement.excluded[name] for name in ("events", "unusual")}
    rows = [
        {"stream": stream, **asdict(run)}
        for run in sorted(runs, key=lambda run: (run.segment, run.run_start))
    ]
    keys = (kept_run.c.stream, kept_run.c.segment, kept_run.c.run_start)
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=added), rows)


class Kept:
    """The rows of one database's kept taps; each call is one transaction.

    Args:
        database: upgraded to this version.
        now: the database's time, given a connection.
    """

    def __init__(self, database: Database, now: Callable[[Connection], datetime]) -> None:
        self._database = database
        self._now = now

    def runs(self, stream: str) -> list[KeptRun]:
        """Return the runs of every segment in the order of time."""
        query = select(*_RUN).where(kept_run.c.stream == stream)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(kept_run.c.run_start, kept_run.c.segment))
            return [KeptRun(*row) for row in rows]

    def shards(self, stream: str, run_start: datetime | None = None) -> list[KeptShard]:
        """Return the files in the order of time, all of them or those of one run."""
        query = select(*_SHARD).where(kept_shard.c.stream == stream)
        if run_start is not None:
            query = query.where(kept_shard.c.run_start == run_start)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(kept_shard.c.run_start, kept_shard.c.id))
            return [KeptShard(*row) for row in rows]

    def total_bytes(self, stream: str) -> int:
        """Return how many bytes the files have."""
        query = select(func.coalesce(func.sum(kept_shard.c.bytes), 0))
        with self._database.read() as connection:
            return int(connection.scalar(query.where(kept_shard.c.stream == stream)) or 0)

    def drop_runs(self, stream: str, runs: Collection[tuple[str, datetime]]) -> None:
        """Forget runs of segments, by name and start."""
        table, chosen = kept_run.c, sorted(runs)
        for first in range(0, len(chosen), STEP_ROWS):
            some = chosen[first : first + STEP_ROWS]
            named = tuple_(table.segment, table.run_start).in_(some)
            with self._database.write() as connection:
                connection.execute(kept_run.delete().where(table.stream == stream, named))

    def drop_shards(self, stream: str, paths: Collection[str]) -> None:
        """Forget files, which may be deleted then."""
        table, chosen = kept_shard.c, sorted(paths)
        for first in range(0, len(chosen), STEP_ROWS):
            some = table.path.in_(chosen[first : first + STEP_ROWS])
            with self._database.write() as connection:
                connection.execute(kept_shard.delete().where(table.stream == stream, some))

    def replace_shards(self, stream: str, paths: Collection[str], merged: KeptShard) -> None:
        """Let one file that is in place stand for others.

        Raises:
            RecordConflict: one of them is gone; nothing was written.
        """
        table = kept_shard.c
        with self._database.write() as connection:
            gone = kept_shard.delete().where(table.stream == stream, table.path.in_(sorted(paths)))
            n_dropped = connection.execute(gone).rowcount
            if n_dropped != len(paths):
                raise RecordConflict(
                    f"{n_dropped} of {len(paths)} files of kept taps were there to be merged"
                )
            write_kept(connection, stream, [merged], [], self._now(connection))
