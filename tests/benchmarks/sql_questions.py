"""What people ask the history, and how long the answers take."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

from driftgauge.storage import Database, Store

from .sql_data import END

Part = Literal["cameras", "many", "year", "flush"]
Question = tuple[str, Callable[[], object], float | None]
"""What is asked, what asks it, and how many seconds of processor time it may take."""

ROOT = Path(__file__).parents[2]
FLEET_DAILY = """SELECT period_start, sum(events) AS events, sum(ood_events) AS ood_events
FROM ood_rate_daily WHERE segment = '*' AND layer = '*' GROUP BY period_start ORDER BY period_start"""
WORST_TEN = f"""SELECT stream, segment, 1.0 * sum(ood_events) / sum(events) AS rate
FROM ood_rate_daily WHERE layer = '*' AND segment <> '*'
AND period_start >= '{(END - timedelta(days=7)):%Y-%m-%d %H:%M:%S}'
GROUP BY stream, segment ORDER BY rate DESC LIMIT 10"""
EVERY_HOUR = "SELECT * FROM ood_rate_hourly"


def questions(database: Database, part: Part) -> Iterator[Question]:
    """Give each question of a part."""
    is_sqlite, store = database.is_sqlite, Store(database, now=lambda: END)
    fleet, worst = (0.1, 0.3) if part == "year" and not is_sqlite else (None, None)
    quick = 1.0 if part == "cameras" and is_sqlite else None
    yield "fleet's daily rate over the year", _query(database, FLEET_DAILY), fleet
    yield "worst ten segments of the last week", _query(database, WORST_TEN), worst
    if part == "cameras":
        yield "README: every hour of everything", _query(database, EVERY_HOUR), quick
    yield "status: events by segment", lambda: store.event_counts("line-0"), quick
    for period in ("hour", "day"):
        yield f"rates: the last day by {period}", _rates(store, period), quick
    for n, page_sql in enumerate(documented("sqlite" if is_sqlite else "postgresql"), 1):
        sql = page_sql.replace("line-3", "line-0")
        what = f"docs/sql.md, query {n}: {_first_table(sql)}"
        yield what, _query(database, sql), None if part == "many" else 1.0


def _rates(store: Store, period: str) -> Callable[[], object]:
    since = END - timedelta(days=1)
    return lambda: store.rates("line-0", period=period, since=since)  # type: ignore[arg-type]


def documented(backend: str) -> list[str]:
    """Return the queries of docs/sql.md that *backend* understands."""
    page = (ROOT / "docs" / "sql.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sql ?(\w*)\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    return [sql for only, sql in blocks if only in ("", backend)]


def _first_table(sql: str) -> str:
    table = re.search(r"FROM (\w+)", sql)
    return table.group(1) if table else ""


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


def timed(run: Callable[[], object], database: Database) -> Took:
    """Run it, and return how long that took."""
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
