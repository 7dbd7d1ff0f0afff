"""How long people wait for the history, how much room it takes, and what a flush costs beside it.

Parts, each on SQLite and PostgreSQL; ``--only`` takes some of them, the minutes are those of a quiet machine:

- ``cameras``: 30 days of windows of 20 cameras, 5 layers and all together (2 minutes).
- ``many``: the same of 200 cameras, 52 million rows and 12 GB of disk (40 minutes; only when named).
- ``year``: a year of 100 streams, 10 segments and 6 layers as retention leaves it: days, hours of the last
  ``--hour-days``, windows of the last six hours (4 minutes).
- ``flush``: flushes of 6,000 rows, alone and beside roll-up and retention (3 minutes).

Every query of docs/sql.md and of README.md is run in the first three, first after the database was opened,
then again; so are the reads of ``driftgauge status`` and ``rates``. Goals of queries are held against processor
time, the server's and this process's, which other work on the machine does not enter; PostgreSQL uses no
parallel workers. Flushes are timed by the clock: they need a quiet machine.

Run: python -m tests.benchmarks.sql [--only year] [--databases postgresql]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from driftgauge.storage import Database
from driftgauge.storage.sqlite_file import note_sizes

from ..postgres import find_binaries, new_database, running_server
from .sql_data import Shape, make_history, set_marks
from .sql_flush import DAYS, flush_figures
from .sql_questions import Part, questions, timed
from .table import Figure, write_benchmark

PARTS: tuple[Part, ...] = ("cameras", "many", "year", "flush")
UNASKED: tuple[Part, ...] = ("cameras", "year", "flush")
Row = dict[str, object]
Found = tuple[list[Row], list[Figure]]


def main() -> None:
    """Print the table and the figures."""
    options = _options()
    rows: list[Row] = []
    figures: list[Figure] = []
    for part in options.only:
        for backend in options.databases:
            with opened(backend) as database:
                found = measure(database, f"{backend}, {part}", part, options)
                rows += found[0]
                figures += found[1]
    name = "sql" if options.only == list(UNASKED) else f"sql-{'-'.join(options.only)}"
    write_benchmark(name, rows, figures)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(UNASKED))
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--cameras", type=int, default=20, help="of the part cameras")
    parser.add_argument("--many-cameras", type=int, default=200, help="of the part many")
    parser.add_argument("--camera-days", type=float, default=30, help="of both")
    parser.add_argument("--streams", type=int, default=100, help="of the part year")
    parser.add_argument("--hour-days", type=float, default=30, help="of the part year")
    parser.add_argument("--flushes", type=int, default=100, help="alone, and as many beside upkeep")
    return parser.parse_args()


def shape_of(part: Part, options: argparse.Namespace) -> Shape:
    """Return how large the history of a part is."""
    if part == "year":
        return Shape(options.streams, 10, {"window": 0.25, "hour": options.hour_days, "day": 365.0})
    days = DAYS if part == "flush" else options.camera_days
    cameras = options.many_cameras if part == "many" else options.cameras
    return Shape(1, cameras + 1, {"window": days, "hour": days, "day": 365.0})


@contextmanager
def opened(backend: str) -> Iterator[Database]:
    """Give an upgraded database of that kind, and remove it afterwards."""
    if backend == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield from _upgraded(f"sqlite:///{folder}/driftgauge.db")
        return
    binaries = find_binaries()
    assert binaries is not None
    with running_server(binaries) as server, new_database(server) as url:
        yield from _upgraded(url)


def _upgraded(url: str) -> Iterator[Database]:
    database = Database(url)
    database.upgrade()
    yield database
    database.close()


def measure(database: Database, label: str, part: Part, options: argparse.Namespace) -> Found:
    """Return the times of every query of a part, and the figures that have a goal."""
    began, shape = time.perf_counter(), shape_of(part, options)
    n_rows = make_history(database, shape)
    set_marks(database, shape)
    _settle(database)
    print(f"{label}: {n_rows} in {time.perf_counter() - began:.0f} s", flush=True)
    if part == "flush":
        return [], flush_figures(database, label, options.flushes)
    rows, figures = ask_all(database, label, part)
    return rows, [*sizes(database, label, shape, n_rows["window"]), *figures]


def _settle(database: Database) -> None:
    """Do what the hourly upkeep and autovacuum do."""
    with database.autocommit() as connection:
        if database.is_sqlite:
            note_sizes(connection)
        else:
            connection.exec_driver_sql("VACUUM ANALYZE")
            name = connection.exec_driver_sql("SELECT current_database()").scalar()
            connection.exec_driver_sql(
                f"ALTER DATABASE {name} SET max_parallel_workers_per_gather = 0"
            )
    database.close()


def ask_all(database: Database, label: str, part: Part) -> Found:
    """Ask each question four times, the first on a new connection."""
    rows: list[Row] = []
    figures: list[Figure] = []
    for what, run, goal in questions(database, part):
        database.close()  # the next connection is a new one
        times = [timed(run, database) for _ in range(4)]
        warm = statistics.median(time.processor for time in times[1:])
        rows.append(
            {
                "database": label,
                "question": what,
                "first s": round(times[0].wall, 3),
                "warm s": round(statistics.median(time.wall for time in times[1:]), 3),
                "processor s": round(warm, 3),
            }
        )
        print(rows[-1], flush=True)
        if goal:
            name = f"{label}: {what}, processor time"
            figures.append(Figure(name, round(warm, 3), "s", f"< {goal} s", warm < goal))
    return rows, figures


def sizes(database: Database, label: str, shape: Shape, n_windows: int) -> list[Figure]:
    """Return the bytes of a row by window, indexes included, and of a day of windows."""
    goal = 70 if database.is_sqlite else 130
    with database.read() as connection:
        if database.is_sqlite:
            query = "SELECT sum(pgsize) FROM dbstat WHERE name = 'window_counts'"
        else:
            query = (
                "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits "
                "WHERE inhparent = 'window_counts'::regclass"
            )
        n_bytes = int(connection.exec_driver_sql(query).scalar() or 0)
    row = n_bytes / max(n_windows, 1)
    per_day = row * shape.n_series * 1440 / 1e6
    return [
        Figure(f"{label}: bytes a row", round(row, 1), "bytes", f"<= {goal}", row <= goal),
        Figure(f"{label}: a day of windows", round(per_day, 1), "MB"),
    ]


if __name__ == "__main__":
    main()
