"""How long people wait for the pages, and what the server takes.

Histories of 30 days on SQLite and PostgreSQL: windows of the last hours, hours (`HOUR_DAYS`) and days,
six layers. The pages are asked of `driftgauge serve`, a process of its own, each time after what it shares between viewers is old. Times are
from the request to the first and to the last byte; goals are held against the server's processor time, and PostgreSQL's beside
it, which other work on the machine does not enter.

Run: python -m tests.benchmarks.pages [--segments 20 200 1000] [--databases sqlite postgresql]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import numpy as np

from driftgauge.storage import Database, Store

from ..postgres import find_binaries, new_database, running_server
from .page_data import ALERTED, STREAM, add_what_pages_show
from .sql_data import Shape, make_history, set_marks
from .table import Figure, write_benchmark

HOUR_DAYS = {20: 30.0, 200: 7.0}
"""Of 1,000 segments two days, so that a history is made in a minute or two: of the hours, a page of all segments
reads the last day only."""

SHARED_SECONDS = 2.1
GOALS_S = {20: 0.3, 200: 0.3, 1000: 1.0}
GOAL_MB = 200
Row = dict[str, object]


def main() -> None:
    """Print the table and the figures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--segments", type=int, nargs="+", default=[20, 200, 1000])
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--times", type=int, default=12)
    options = parser.parse_args()
    rows: list[Row] = []
    figures: list[Figure] = []
    for backend in options.databases:
        for n_segments in options.segments:
            found = measure(backend, n_segments, options.times)
            rows += found[0]
            figures += found[1]
    write_benchmark("pages", rows, figures)


def measure(backend: str, n_segments: int, times: int) -> tuple[list[Row], list[Figure]]:
    """Return the times of each page, and the figures that have a goal."""
    days = {"window": 0.05, "hour": HOUR_DAYS.get(n_segments, 2.0), "day": 30.0}
    shape, label = Shape(1, n_segments + 1, days), f"{backend}, {n_segments} segments"
    with a_database(backend) as url, closing(Database(url)) as database:
        began = time.perf_counter()
        database.upgrade()
        n_rows = make_history(database, shape)
        set_marks(database, shape)
        add_what_pages_show(database, shape)
        if not database.is_sqlite:
            with database.autocommit() as connection:
                connection.exec_driver_sql("VACUUM ANALYZE")
        print(f"{label}: {n_rows} in {time.perf_counter() - began:.0f} s", flush=True)
        (alert,) = Store(database).alerts(STREAM, segment=ALERTED)
        home = f"/streams/{STREAM}"
        paths = {
            "overview": home,
            "segment": f"{home}/segment?name={ALERTED.replace('=', '%3D')}",
            "alert": f"{home}/alerts/{alert.id}",
        }
        with serving(url) as (address, pid):
            rows = [
                {"database": label, "page": page, **asked(address + path, pid, database, times)}
                for page, path in paths.items()
            ]
            memory = memory_mb(pid)
    print(*rows, sep="\n", flush=True)
    return rows, [
        *(_figure(label, row, GOALS_S.get(n_segments, 1.0)) for row in rows),
        Figure(f"{label}: memory of the server", memory, "MB", f"< {GOAL_MB} MB", memory < GOAL_MB),
    ]


def _figure(label: str, row: Row, goal: float) -> Figure:
    took = float(str(row["processor s"]))
    name = f"{label}: {row['page']}, processor time"
    return Figure(name, took, "s", f"< {goal} s", took < goal)


@contextmanager
def a_database(backend: str) -> Iterator[str]:
    """Give the address of an empty database of that kind, and remove it afterwards."""
    if backend == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{folder}/driftgauge.db"
        return
    binaries = find_binaries()
    assert binaries is not None
    with running_server(binaries) as server, new_database(server) as url:
        yield url


@contextmanager
def serving(url: str) -> Iterator[tuple[str, int]]:
    """Serve the pages of a database as people do, with settings; give their address and the process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "driftgauge.toml"
        path.write_text(
            f"[stream]\nname = '{STREAM}'\ntopic = 'images'\n[model]\nsource = 'timm:resnet18'\n"
            f"[store]\nurl = '{url}'\n"
        )
        command = [sys.executable, "-m", "driftgauge.agent.command", "serve"]
        with subprocess.Popen(
            [*command, "--config", path, "--port", "0"], stdout=subprocess.PIPE, text=True
        ) as server:
            assert server.stdout is not None
            address = server.stdout.readline().split()[2]
            try:
                while not _answers(address):
                    time.sleep(0.1)
                yield address, server.pid
            finally:
                server.terminate()


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/healthz").status_code == 200
    except httpx.TransportError:
        return False


def asked(address: str, pid: int, database: Database, times: int) -> Row:
    """Ask for a page again and again, each time as the first viewer in two seconds."""
    firsts, wholes, processors, size = [], [], [], 0
    for n in range(times + 1):
        time.sleep(SHARED_SECONDS)
        processor, begun = processor_seconds(pid, database), time.perf_counter()
        with httpx.stream("GET", address, timeout=60) as answer:
            assert answer.status_code == 200
            first = time.perf_counter() - begun
            size = sum(len(chunk) for chunk in answer.iter_raw())
        whole = time.perf_counter() - begun
        if n:  # the first fills what lasts: templates, connections
            firsts.append(first)
            wholes.append(whole)
            processors.append(processor_seconds(pid, database) - processor)
    return {
        "KB": round(size / 1000),
        "first byte s, p50": round(statistics.median(firsts), 3),
        "p95": round(float(np.quantile(firsts, 0.95)), 3),
        "complete s, p50": round(statistics.median(wholes), 3),
        "p95 ": round(float(np.quantile(wholes, 0.95)), 3),
        "processor s": round(statistics.mean(processors), 3),
    }


def processor_seconds(pid: int, database: Database) -> float:
    """Return the processor time so far of the page server, and of PostgreSQL's processes for it."""
    pids = [pid]
    if not database.is_sqlite:
        with database.read() as connection:
            query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
            pids += [row[0] for row in connection.exec_driver_sql(query)]
    return sum(_of_process(one) for one in pids)


def _of_process(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    """Return the most memory that a process has taken so far."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return round(int(line.split()[1]) / 1024, 1)


if __name__ == "__main__":
    main()
