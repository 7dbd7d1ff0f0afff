"""Alerts on their way to people: how soon, how many, and whether each arrives.

``python -m tests.benchmarks.alerts`` prints it; ``--trials`` sets how many alerts are timed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from driftgauge.storage import Database, Store

from ..stores import STREAM, TOPIC
from .alert_day import Show, crowd, one_after_another, one_day
from .alert_latency import measured
from .table import Figure, write_benchmark


@contextmanager
def _store() -> Iterator[tuple[Store, Show]]:
    """Give an empty store, and what runs a command on it."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/driftgauge.db"
        database = Database(url)
        database.upgrade()
        store = Store(database)
        store.ensure_stream(STREAM, TOPIC, 60)

        def show(*command: str) -> list[str]:
            done = subprocess.run(
                [sys.executable, "-m", "driftgauge", *command, "--store", url],
                env={**os.environ, "COLUMNS": "80"},
                capture_output=True,
                text=True,
                check=False,  # `status` says by its code that no agent runs
            )
            return done.stdout.splitlines()

        yield store, show
        database.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=12, help="alerts that are timed")
    parser.add_argument("--hours", type=int, default=24, help="simulated hours of failing sinks")
    parser.add_argument("--cameras", type=int, default=1000, help="cameras that change at once")
    options = parser.parse_args()
    with _store() as (store, show):
        many = crowd(store, cameras=options.cameras, show=show)
    with _store() as (store, _):
        slowly = one_after_another(store, cameras=options.cameras)
    with _store() as (store, _):
        day = one_day(store, hours=options.hours)
    with tempfile.TemporaryDirectory() as folder:
        latencies = measured(Path(folder), trials=options.trials)
    rows = [
        {
            "receiver": name,
            "alerts": len(seconds),
            "p50 s": round(float(np.percentile(seconds, 50)), 1) if seconds else None,
            "p99 s": round(float(np.percentile(seconds, 99)), 1) if seconds else None,
        }
        for name, seconds in latencies.items()
    ]
    pages, ends = max(many.pages.values()), max(many.ends.values())
    lines = [
        Figure(f"lines of driftgauge {command} meanwhile", n, "", "<= 50", 0 < n <= 50)
        for command, n in many.lines.items()
    ]
    figures = [
        Figure(f"pages when {options.cameras} cameras change at once", pages, "a receiver", "1", pages == 1),
        Figure("pages when all have recovered", ends, "a receiver", "1", ends == 1),
        Figure("pages when they change within five minutes", slowly, "a receiver", "<= 20", slowly <= 20),
        *lines,
        Figure("to write their alerts, processor time", round(many.judge_seconds, 2), "s"),
        Figure("to tell two receivers, processor time", round(many.deliver_seconds, 2), "s"),
        Figure("by which the process grew, at most", round(many.peak_mib, 1), "MiB"),
        Figure(f"steps in {options.hours} hours, to each of three failing receivers", day.steps, ""),
        Figure("of these lost", day.lost, "", "0", day.lost == 0),
        Figure("alerts told out of order", day.misordered, "", "0", day.misordered == 0),
        Figure("messages repeated", day.repeats, f"of {day.messages}, after {day.kills} kills"),
    ]  # fmt: skip
    write_benchmark("alerts", rows, figures)


if __name__ == "__main__":
    main()
