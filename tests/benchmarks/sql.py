"""How long people wait for the history, how much room it takes, and what a flush costs beside it.

Two histories on SQLite and PostgreSQL: raw windows of some cameras, and a year of many streams as retention
leaves it (days; the last hours by window; hours as far back as ``--hour-days``). Every query of docs/sql.md
and of README.md is run on both, first after the database was opened, then again; so are the reads of
``driftgauge status`` and ``rates``. Goals of queries are held against processor time, the server's and this process's, which
other work on the machine does not enter; PostgreSQL uses no parallel workers. Then flushes of 6,000 rows are timed alone, and beside roll-up and
retention.

Run: python -m tests.benchmarks.sql [--cameras 20] [--camera-days 30] [--streams 100] [--hour-days 30]
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np

from driftgauge.storage import Database, FlushRecord, OffsetAdvance, Store, WindowRecord

from ..postgres import find_binaries, new_database, running_server
from .sql_data import DETECTOR, END, LAYERS, Shape, make_history, set_marks
from .table import Figure, write_benchmark

ROOT = Path(__file__).parents[2]
FLEET_DAILY = """SELECT period_start, sum(events) AS events, sum(ood_events) AS ood_events
FROM ood_rate_daily WHERE segment = '*' AND layer = '*' GROUP BY period_start ORDER BY period_start"""
WORST_TEN = f"""SELECT stream, segment, 1.0 * sum(ood_events) / sum(events) AS rate
FROM ood_rate_daily WHERE layer = '*' AND segment <> '*'
AND period_start >= '{(END - timedelta(days=7)):%Y-%m-%d %H:%M:%S}'
GROUP BY stream, segment ORDER BY rate DESC LIMIT 10"""
N_FLUSHES = 40
Row = dict[str, object]


def main() -> None:
    """Print the table and the figures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--cameras", type=int, default=20)
    parser.add_argument("--camera-days", type=float, default=30)
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--hour-days", type=float, default=30)
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"])
    options = parser.parse_args()
    cameras = {"window": options.camera_days, "hour": options.camera_days, "day": 365.0}
    year = {"window": 0.25, "hour": options.hour_days, "day": 365.0}
    shapes = {
        f"{options.cameras} cameras": Shape(1, options.cameras + 1, cameras),
        f"a year of {options.streams} streams": Shape(options.streams, 10, year),
    }
    rows: list[Row] = []
    figures: list[Figure] = []
    for backend in options.databases:
        for name, shape in shapes.items():
            if shape.streams == 0:
                continue
            with opened(backend) as database:
                found = measure(database, backend, name, shape)
                rows += found[0]
                figures += found[1]
    write_benchmark("sql", rows, figures)


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


def measure(
    database: Database, backend: str, name: str, shape: Shape
) -> tuple[list[Row], list[Figure]]:
    """Return the times of every query, and the figures that have a goal."""
    began = time.perf_counter()
    n_rows = make_history(database, shape)
    set_marks(database, shape)
    _settle(database)
    label = f"{backend}, {name}"
    print(f"{label}: {n_rows} in {time.perf_counter() - began:.0f} s", flush=True)
    rows, figures = [], sizes(database, label, shape, n_rows)
    print(*figures, sep="\n", flush=True)
    for what, run, goal in questions(database, backend, name):
        database.close()  # the next connection is a new one
        times = [_timed(run, database) for _ in range(4)]
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
            figures.append(
                Figure(f"{label}: {what}", round(warm, 3), "s", f"< {goal} s", warm < goal)
            )
    of_flushes = flush_figures(database, label, shape)
    print(*of_flushes, sep="\n", flush=True)
    return rows, figures + of_flushes


def _settle(database: Database) -> None:
    if not database.is_sqlite:
        with database.autocommit() as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
            name = connection.exec_driver_sql("SELECT current_database()").scalar()
            connection.exec_driver_sql(
                f"ALTER DATABASE {name} SET max_parallel_workers_per_gather = 0"
            )
        database.close()


def questions(
    database: Database, backend: str, name: str
) -> Iterator[tuple[str, Callable[[], object], float | None]]:
    """Give each question with what asks it, and how long it may take."""
    is_year, store = "year" in name, Store(database, now=lambda: END)
    quick = 1.0 if backend == "sqlite" and not is_year else None
    if is_year and backend == "postgresql":
        yield "fleet's daily rate over the year", _query(database, FLEET_DAILY), 0.1
        yield "worst ten segments of the last week", _query(database, WORST_TEN), 0.3
    else:
        yield "fleet's daily rate over the year", _query(database, FLEET_DAILY), None
        yield "worst ten segments of the last week", _query(database, WORST_TEN), None
    every_hour = "SELECT * FROM ood_rate_hourly"
    if not is_year:
        yield "README: every hour of everything", _query(database, every_hour), quick
    yield "status: events by segment", lambda: store.event_counts("line-0"), quick
    since = END - timedelta(days=1)
    for period in ("hour", "day"):
        read = _rates(store, period, since)
        yield f"rates: the last day by {period}", read, quick
    for n, page_sql in enumerate(documented(backend), 1):
        sql = page_sql.replace("line-3", "line-0")
        yield f"docs/sql.md, query {n}: {_first_words(sql)}", _query(database, sql), 1.0


def _rates(store: Store, period: str, since: object) -> Callable[[], object]:
    return lambda: store.rates("line-0", period=period, since=since)  # type: ignore[arg-type]


def documented(backend: str) -> list[str]:
    """Return the queries of docs/sql.md that *backend* understands."""
    page = (ROOT / "docs" / "sql.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sql ?(\w*)\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    return [sql for only, sql in blocks if only in ("", backend)]


def _first_words(sql: str) -> str:
    table = re.search(r"FROM (\w+)", sql)
    return f"{table.group(1) if table else ''}"


def _query(database: Database, sql: str) -> Callable[[], object]:
    def run() -> object:
        with database.read() as connection:
            return connection.exec_driver_sql(sql).fetchall()

    return run


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds by the clock, and of processor time: this process's and the server's."""

    wall: float
    processor: float


def _timed(run: Callable[[], object], database: Database) -> Took:
    wall, processor = time.perf_counter(), _processor_seconds(database)
    run()
    return Took(time.perf_counter() - wall, _processor_seconds(database) - processor)


def _processor_seconds(database: Database) -> float:
    """Return the processor time so far, of the server's process for the pool's one connection as well."""
    if database.is_sqlite:
        return time.process_time()
    with database.read() as connection:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return time.process_time() + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def sizes(database: Database, label: str, shape: Shape, n_rows: dict[str, int]) -> list[Figure]:
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
    row = n_bytes / max(n_rows["window"], 1)
    per_day = row * shape.n_series * 1440 / 1e6
    return [
        Figure(f"{label}: bytes a row", round(row, 1), "bytes", f"<= {goal}", row <= goal),
        Figure(f"{label}: a day of windows", round(per_day, 1), "MB"),
    ]


def flush_figures(database: Database, label: str, shape: Shape) -> list[Figure]:
    """Return the times of flushes of 6,000 rows alone, and beside roll-up and retention."""
    goal = 0.3 if database.is_sqlite else 0.5
    alone = flushes(database, "alone", 0)
    stop = threading.Event()
    worker = threading.Thread(target=_upkeep, args=(database, shape, stop))
    worker.start()
    try:
        beside = flushes(database, "beside", N_FLUSHES)
    finally:
        stop.set()
        worker.join()
    slower = _median(beside) / _median(alone) - 1
    p99 = float(np.quantile([time.wall for time in alone], 0.99))
    processor = [time.processor for time in alone]
    return [
        Figure(
            f"{label}: flush, processor time, median", round(statistics.median(processor), 3), "s"
        ),
        Figure(
            f"{label}: flush, processor time, p99",
            round(float(np.quantile(processor, 0.99)), 3),
            "s",
        ),
        Figure(f"{label}: flush of 6,000 rows, p99", round(p99, 3), "s", f"< {goal} s", p99 < goal),
        Figure(f"{label}: flush, median", round(_median(alone), 3), "s"),
        Figure(
            f"{label}: flush beside upkeep, p99",
            round(float(np.quantile([time.wall for time in beside], 0.99)), 3),
            "s",
        ),
        Figure(
            f"{label}: flush slowed by upkeep, median",
            round(100 * slower, 1),
            "%",
            "<= 20 %",
            slower <= 0.2,
        ),
    ]


def _median(times: Sequence[Took]) -> float:
    return statistics.median(time.wall for time in times)


def flushes(database: Database, topic: str, first_minute: int) -> list[Took]:
    """Return the times of each of some flushes of a minute of 1,000 segments each."""
    store = Store(database, now=lambda: END + timedelta(minutes=first_minute))
    rng = np.random.default_rng(1)
    times = []
    for n in range(N_FLUSHES):
        start = END + timedelta(minutes=first_minute + n)
        counts = rng.integers(0, 9, (1000, len(LAYERS), 18)).tolist()
        rows = [
            WindowRecord(f"camera={s}", layer, start, tuple(counts[s][k]), 30.5, 1.5)
            for s in range(1000)
            for k, layer in enumerate(LAYERS)
        ]
        moved = OffsetAdvance(topic, 0, n or None, n + 1, start)
        record = FlushRecord("line-0", DETECTOR, [moved], rows)
        times.append(_timed(partial(store.flush, record), database))
    return times[1:]  # the first makes the series


def _upkeep(database: Database, shape: Shape, stop: threading.Event) -> None:
    """Roll up and drop with the pauses that the jobs make."""
    now = END + timedelta(minutes=N_FLUSHES)
    upkeep = Store(database, now=lambda: now).upkeep
    keep = {
        "window": timedelta(days=max(shape.days["window"] / 2, 0.05)),
        "hour": None,
        "day": None,
    }
    while not stop.is_set():
        for steps in (iter(upkeep.roll_up_some, 0), upkeep.retain("line-0", keep)):
            for took in _step_times(steps):
                if stop.wait(took):
                    return
        stop.wait(0.2)


def _step_times(steps: Iterator[int]) -> Iterator[float]:
    began = time.perf_counter()
    for _ in steps:
        yield time.perf_counter() - began
        began = time.perf_counter()


if __name__ == "__main__":
    main()
