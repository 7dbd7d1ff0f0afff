"""Whether an index on series and start would pay on PostgreSQL, which has the counts by window in order of time.

A day of 1,600 series (200 segments, eight each), then reads of one segment and writes of whole windows, without the
index and with it. Seconds of the server's processor, which other work does not change much.

Run: python -m tests.benchmarks.sql_index   (half a minute of one processor)
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import psycopg
from psycopg import Connection

from driftgauge.storage import Database
from driftgauge.storage.partitions import ensure_partitions
from driftgauge.storage.tables import BINS

from ..postgres import find_binaries, go_without, new_database, running_server
from .table import Figure, write_benchmark

N_SERIES, MINUTES = 1600, 1440
DAY = datetime(2026, 3, 1, tzinfo=UTC)
NEXT = DAY + timedelta(days=1)
ONE = list(range(801, 809))
INDEX = "CREATE INDEX ix_trial ON window_counts (series, window_start)"
HELD = range(5, 17)
"""Bins that hold events; the others are NULL."""
COLUMNS = "window_start, series, events, score_max, score_sum, " + ", ".join(BINS[b] for b in HELD)
VALUES = "s, 32, 1, 0.5, " + ", ".join("3" for _ in HELD)


def prepare(url: str) -> None:
    """Make the product's tables, and the partitions of two days."""
    with closing(Database(url)) as database:
        database.upgrade()
        with database.write() as connection:
            ensure_partitions(connection, [DAY, NEXT])


def fill(connection: Connection) -> None:
    """Write a day."""
    connection.execute(
        f"INSERT INTO window_counts ({COLUMNS}) "
        f"SELECT %s + m * interval '1 minute', {VALUES} "
        f"FROM generate_series(0, {MINUTES - 1}) AS m, generate_series(1, {N_SERIES}) AS s",
        (DAY,),
    )
    connection.execute("VACUUM ANALYZE window_counts")


def read(connection: Connection, minutes: int) -> Callable[[int], None]:
    """Return how so many minutes of one segment are read."""
    begin = DAY if minutes == MINUTES else DAY + timedelta(hours=12)

    def run(_: int) -> None:
        connection.execute(
            f"SELECT {COLUMNS} FROM window_counts WHERE series = ANY(%s) AND window_start >= %s "
            "AND window_start < %s ORDER BY window_start, series",
            (ONE, begin, begin + timedelta(minutes=minutes)),
        ).fetchall()

    return run


def write(connection: Connection, first: int) -> Callable[[int], None]:
    """Return how a window of all series is written, from minute *first* of the next day on."""

    def run(number: int) -> None:
        start = NEXT + timedelta(minutes=first + number)
        connection.execute(
            f"INSERT INTO window_counts ({COLUMNS}) "
            f"SELECT %s, {VALUES} FROM generate_series(1, {N_SERIES}) AS s",
            (start,),
        )
        connection.execute(
            "UPDATE window_counts SET events = events + 1, bin_05 = bin_05 + 1 WHERE window_start = %s",
            (start,),
        )

    return run


def seconds(connection: Connection, run: Callable[[int], None], times: int) -> float:
    """Return the processor seconds of the server's process, the median of some runs."""
    pid = connection.info.backend_pid

    def used() -> float:
        parts = Path(f"/proc/{pid}/schedstat").read_text(encoding="utf-8").split()
        return int(parts[0]) / 1e9

    found = []
    for number in range(times):
        before = used()
        run(number)
        found.append(used() - before)
    return median(found)


def row(connection: Connection, name: str, first: int) -> dict[str, object]:
    """Return a line of the table."""
    (size,) = connection.execute(
        f"SELECT pg_total_relation_size('window_counts_{DAY:%Y%m%d}')"
    ).fetchone() or (0,)
    return {
        "indexes": name,
        "bytes a row": round(size / (N_SERIES * MINUTES), 1),
        "a segment's day": round(seconds(connection, read(connection, MINUTES), 5), 3),
        "five hours": round(seconds(connection, read(connection, 300), 5), 4),
        "ten minutes": round(seconds(connection, read(connection, 10), 9), 4),
        "write and update a window": round(seconds(connection, write(connection, first), 40), 4),
    }


def main() -> None:
    """Print the table and write build/benchmarks/sql_index.json."""
    binaries = find_binaries()
    if binaries is None:
        go_without("install Debian's postgresql")
    with running_server(binaries) as server, new_database(server) as url:
        prepare(url)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SET jit = off")
            fill(connection)
            rows = [row(connection, "by time alone", 0)]
            connection.execute(INDEX)
            connection.execute("ANALYZE window_counts")
            rows.append(row(connection, "by time, and by series and start", 100))
    size = float(str(rows[1]["bytes a row"]))
    write_benchmark(
        "sql_index", rows, [Figure("bytes a row", size, "bytes", "at most 130", size <= 130)]
    )


if __name__ == "__main__":
    main()
