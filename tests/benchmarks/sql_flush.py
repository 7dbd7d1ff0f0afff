"""What a flush of 6,000 rows costs, alone and while the history is rolled up or old windows are dropped.

Blocks of flushes alone, beside roll-up and beside retention take turns, so that what slows the machine for
a while slows all. The jobs are the agent's, with the agent's pauses, but they never wait for their minute
or hour: they work all the time.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import partial

import numpy as np

from driftgauge.agent.jobs.history import PAUSE
from driftgauge.storage import (
    Database,
    FlushRecord,
    OffsetAdvance,
    Store,
    StoreUnavailable,
    WindowRecord,
)
from driftgauge.storage.upkeep import Upkeep

from .sql_data import DETECTOR, END, LAYERS
from .sql_questions import Took, timed
from .table import Figure

DAYS = 5
"""Of windows before the flushes; each block of flushes beside upkeep sees one of them dropped."""
BLOCKS = DAYS - 1
SEGMENTS = 1000

Job = Callable[[Upkeep, int], Iterator[int]]


def _roll_up(upkeep: Upkeep, _: int) -> Iterator[int]:
    return iter(upkeep.roll_up_some, 0)


def _retain(upkeep: Upkeep, keep_days: int) -> Iterator[int]:
    keep = {"window": timedelta(days=keep_days), "hour": None, "day": None}
    return upkeep.retain("line-0", keep)


JOBS: dict[str, Job] = {"roll-up": _roll_up, "retention": _retain}


def flush_figures(database: Database, label: str, n_flushes: int) -> list[Figure]:
    """Return the times of flushes of 6,000 rows alone, beside roll-up, and beside retention."""
    goal = 0.3 if database.is_sqlite else 0.5
    took = time_flushes(database, -(-n_flushes // BLOCKS))
    wall = {beside: [one.wall for one in found] for beside, found in took.items()}
    processor = [one.processor for one in took["alone"]]
    p99 = _p99(wall["alone"])
    return [
        _seconds(f"{label}: flush, processor time, median", statistics.median(processor)),
        _seconds(f"{label}: flush, processor time, p99", _p99(processor)),
        _seconds(f"{label}: flush, median", statistics.median(wall["alone"])),
        Figure(f"{label}: flush of 6,000 rows, p99", round(p99, 3), "s", f"< {goal} s", p99 < goal),
        *(figure for job in JOBS for figure in _beside(label, job, wall)),
    ]


def time_flushes(database: Database, block: int) -> dict[str, list[Took]]:
    """Return the times of flushes alone, and beside each job, in blocks that take turns."""
    flushes = Flushes(database)
    flushes.run(1)  # makes the series
    took: dict[str, list[Took]] = {"alone": [], **{name: [] for name in JOBS}}
    for keep_days in reversed(range(1, DAYS)):
        took["alone"] += flushes.run(block)
        for name in JOBS:
            with beside(name, database.name, keep_days, lambda: flushes.reached):
                took[name] += flushes.run(block)
    return took


def _seconds(name: str, seconds: float) -> Figure:
    return Figure(name, round(seconds, 3), "s")


def _beside(label: str, job: str, wall: dict[str, list[float]]) -> list[Figure]:
    slower = statistics.median(wall[job]) / statistics.median(wall["alone"]) - 1
    return [
        _seconds(f"{label}: flush beside {job}, p99", _p99(wall[job])),
        Figure(
            f"{label}: flush slowed by {job}, median",
            round(100 * slower, 1),
            "%",
            "<= 20 %",
            slower <= 0.2,
        ),
    ]


def _p99(seconds: Sequence[float]) -> float:
    return float(np.quantile(seconds, 0.99))


class Flushes:
    """Flushes of a minute of 1,000 segments each, one after the other."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counts = np.random.default_rng(1)
        self.n = 0

    def run(self, n_flushes: int) -> list[Took]:
        """Write some, and return how long each took."""
        return [self._next() for _ in range(n_flushes)]

    def _next(self) -> Took:
        at = self.reached
        store = Store(self._database, now=lambda: at)
        counts = self._counts.integers(0, 9, (SEGMENTS, len(LAYERS), 18)).tolist()
        rows = [
            WindowRecord(f"camera={s}", layer, at, tuple(counts[s][k]), 30.5, 1.5)
            for s in range(SEGMENTS)
            for k, layer in enumerate(LAYERS)
        ]
        moved = OffsetAdvance("images", 0, self.n or None, self.n + 1, at)
        self.n += 1
        return timed(
            partial(store.flush, FlushRecord("line-0", DETECTOR, [moved], rows)), self._database
        )

    @property
    def reached(self) -> datetime:
        """The start of the next minute."""
        return END + timedelta(minutes=self.n)


@contextmanager
def beside(job: str, url: str, keep_days: int, now: Callable[[], datetime]) -> Iterator[None]:
    """Roll up, or drop windows older than *keep_days*, in a thread and all the time."""
    stop, failures = threading.Event(), list[Exception]()

    def work() -> None:
        try:
            _do(JOBS[job], url, keep_days, now, stop)
        except Exception as error:  # any: flushes beside nothing are no figure
            failures.append(error)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join()
    if failures:
        raise failures[0]


def _do(
    job: Job, url: str, keep_days: int, now: Callable[[], datetime], stop: threading.Event
) -> None:
    """Do the steps of *job* with the agent's pauses until told to stop."""
    database = Database(url)
    while not stop.is_set():
        with suppress(
            StoreUnavailable
        ):  # a lock that flushes hold: the agent's job tries again, too
            for took in _step_times(job(Store(database, now=now).upkeep, keep_days)):
                if stop.wait(PAUSE * took):
                    break
        stop.wait(0.05)
    database.close()


def _step_times(steps: Iterator[int]) -> Iterator[float]:
    began = time.perf_counter()
    for _ in steps:
        yield time.perf_counter() - began
        began = time.perf_counter()
