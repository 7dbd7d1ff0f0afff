"""The monitor at scale, on both databases: a live turn, a start, a day caught up and replayed, bytes written.

One process, one core; PostgreSQL runs beside it. Baselines are known before, as after a restart. Seconds are
shown twice: on the wall, and of this process's processor, which other work on the machine does not enter.

Run: python -m tests.benchmarks.monitor [--segments N] [--catch-up-segments N] [--hours H]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from driftgauge.agent.drift.baseline import Baseline, learn_baseline
from driftgauge.agent.drift.design_effect import Counts
from driftgauge.agent.drift.history_replay import Replay
from driftgauge.agent.drift.monitor import Monitor
from driftgauge.agent.drift.monitor_settings import MonitorSettings
from driftgauge.agent.drift.stored_baseline import to_stored
from driftgauge.storage import (
    Database,
    FlushRecord,
    Judgement,
    OffsetAdvance,
    SegmentAdvance,
    Store,
    WindowRecord,
)

from ..agent.drift.streams import normal_scores, pool_p_values, windows_of
from ..postgres import find_binaries, new_database, running_server
from .table import Figure, write_benchmark

STREAM, DETECTOR, MINUTE = "frames", "d1", timedelta(minutes=1)
LAYERS = ("a", "b", "c", "d", "e", "*")
START = datetime(2026, 3, 1, tzinfo=UTC)
EVENTS = 32
KINDS = 8
"""Cameras that differ; the others repeat them."""
REFERENCE = 240
SETTINGS = MonitorSettings(stream=STREAM, window_seconds=60, windows_between_false_alarms=43_200.0)


def counts(n_windows: int, kind: int, seed: int) -> Counts:
    """Return ``(windows, columns, bins)`` of one kind of camera."""
    columns = [
        windows_of(
            pool_p_values(
                normal_scores(n_windows * EVENTS, 100 * seed + 10 * kind + column, correlation=0.5)
            ),
            EVENTS,
        )
        for column in range(len(LAYERS))
    ]
    return np.stack(columns, axis=1)


def names(n_segments: int) -> list[str]:
    """Return the segments."""
    return [f"camera={number:04d}" for number in range(n_segments)]


def know(store: Store, n_segments: int) -> None:
    """Store every segment's baseline."""
    windows = [counts(REFERENCE, kind, 1) for kind in range(KINDS)]
    baselines: list[Baseline | None] = [learn_baseline(each) for each in windows]
    rows = []
    for number, name in enumerate(names(n_segments)):
        baseline = baselines[number % KINDS]
        assert baseline is not None
        rows.append(to_stored(name, baseline, SETTINGS.tests, source="learnt", made_by="monitor"))
    store.write_baselines(STREAM, DETECTOR, rows)


class Feed:
    """Writes windows of all segments, as agents do; its clock is the database's."""

    def __init__(self, database: Database, n_segments: int) -> None:
        self.now, self.n_segments, self.offset = START, n_segments, 0
        self.store = Store(database, now=lambda: self.now)
        self.store.ensure_stream(STREAM, STREAM, 60)
        self.live = [counts(1440, kind, 7) for kind in range(KINDS)]

    def send(self, n_windows: int = 1) -> None:
        """Count so many windows more of every segment."""
        begins = int((self.now - START) / MINUTE)
        self.now += n_windows * MINUTE
        windows = [
            WindowRecord(name, layer, START + row * MINUTE, tuple(counted.tolist()), 1.0, 1.0)
            for row in range(begins, begins + n_windows)
            for number, name in enumerate(names(self.n_segments))
            for layer, counted in zip(LAYERS, self.live[number % KINDS][row % 1440], strict=True)
        ]
        last = self.now + timedelta(seconds=15)
        self.store.flush(
            FlushRecord(
                stream=STREAM,
                detector=DETECTOR,
                advances=[OffsetAdvance(STREAM, 0, self.offset or None, self.offset + 1, last)],
                windows=windows,
                segments=[SegmentAdvance(name, last) for name in names(self.n_segments)],
            )
        )
        self.offset += 1


class Measured:
    """The store, noting what turns write."""

    def __init__(self, store: Store) -> None:
        self._store, self.bytes = store, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def judge(self, judgement: Judgement) -> object:
        self.bytes = sum(len(row.content) for row in judgement.states)
        return self._store.judge(judgement)


def a_monitor(store: object) -> Monitor:
    """Return a monitor as a started agent has it."""
    return Monitor(
        store,  # type: ignore[arg-type]  # stands in for the store
        detector=DETECTOR,
        columns=LAYERS,
        reference={},
        settings=SETTINGS,
    )


def live(url: str, n_segments: int) -> dict[str, float]:
    """Return seconds of a start and of a live turn, and bytes a segment and window."""
    with opened(url) as database:
        feed = Feed(database, n_segments)
        know(feed.store, n_segments)
        for _ in range(2):
            feed.send()
        a_monitor(feed.store).turn()
        measured = Measured(feed.store)
        judge = a_monitor(measured)
        feed.send()
        start = taken(judge.turn)
        turns = []
        for _ in range(5):
            feed.send()
            turns.append(taken(judge.turn))
        size = measured.bytes / n_segments
    wall, processor = np.median(turns, axis=0)
    return {
        "start": start[0],
        "start_processor": start[1],
        "turn": float(wall),
        "turn_processor": float(processor),
        "bytes": size,
    }


def taken(work: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds that *work* takes: on the wall, and of this process's processor."""
    began, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - used


def catch_up(url: str, n_segments: int, hours: int) -> dict[str, float]:
    """Return seconds and MB of a process that judges what piled up."""
    with opened(url) as database:
        feed = Feed(database, n_segments)
        know(feed.store, n_segments)
        for _ in range(2 * hours):
            feed.send(30)
            print(f"{feed.offset} of {2 * hours} half hours written", end="\r", file=sys.stderr)
    found: dict[str, float] = {}
    for work in ("--judge", "--replay"):
        command = [sys.executable, "-m", __spec__.name, work, url, "--at", feed.now.isoformat()]
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
        found |= json.loads(answer.stdout)
    return found


def judge_all(url: str, at: datetime) -> dict[str, float]:
    """Judge everything; return seconds and the process's largest size."""
    before = peak_mb()
    with opened(url) as database:
        store = Store(database, now=lambda: at)
        seconds, processor = taken(a_monitor(store).turn)
    return {
        "seconds": seconds,
        "processor": processor,
        "mb": peak_mb(),
        "imports_mb": before,
    }


def peak_mb() -> float:
    """Return this process's largest size; ``ru_maxrss`` would begin with that of the process that forked it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def replay_all(url: str) -> dict[str, float]:
    """Replay everything, as ``driftgauge replay`` does; return seconds."""
    database = Database(url, reads_only=True)
    try:
        replay = Replay(
            Store(database), detector=DETECTOR, columns=LAYERS, reference={}, settings=SETTINGS
        )
        seconds, processor = taken(lambda: replay.run(START, START + timedelta(days=30)))
    finally:
        database.close()
    return {"replay": seconds, "replay_processor": processor}


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """Give the upgraded database."""
    database = Database(url)
    try:
        database.upgrade()
        yield database
    finally:
        database.close()


@contextmanager
def urls() -> Iterator[dict[str, list[str]]]:
    """Give two empty databases of each kind."""
    with tempfile.TemporaryDirectory() as folder:
        sqlite = [f"sqlite:///{folder}/{name}.db" for name in ("live", "day")]
        binaries = find_binaries()
        if binaries is None:
            yield {"sqlite": sqlite}
            return
        with (
            running_server(binaries) as server,
            new_database(server) as a,
            new_database(server) as b,
        ):
            yield {"sqlite": sqlite, "postgresql": [a, b]}


def main() -> None:
    """Print the table and write build/benchmarks/monitor.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segments", type=int, default=1000)
    parser.add_argument("--catch-up-segments", type=int, default=200)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--only", default="")
    parser.add_argument("--judge", default="", help=argparse.SUPPRESS)
    parser.add_argument("--replay", default="", help=argparse.SUPPRESS)
    parser.add_argument("--at", default="", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.judge:
        print(json.dumps(judge_all(chosen.judge, datetime.fromisoformat(chosen.at))))
        return
    if chosen.replay:
        print(json.dumps(replay_all(chosen.replay)))
        return
    rows, figures = [], []
    with urls() as found:
        for name, (first, second) in found.items():
            if chosen.only not in ("", name):
                continue
            quick = live(first, chosen.segments)
            day = catch_up(second, chosen.catch_up_segments, chosen.hours)
            rows.append(
                {
                    "database": name,
                    "start, s": _seconds(quick["start"], quick["start_processor"]),
                    "live turn, s": _seconds(quick["turn"], quick["turn_processor"]),
                    "bytes a segment and window": round(quick["bytes"]),
                    "catching up, s": _seconds(day["seconds"], day["processor"]),
                    "replay, s": _seconds(day["replay"], day["replay_processor"]),
                    "MB": round(day["mb"]),
                    "of which imports": round(day["imports_mb"]),
                }
            )
            print(rows[-1], file=sys.stderr, flush=True)
            figures += figures_of(name, quick, day, chosen)
    write_benchmark("monitor", rows, figures)


def _seconds(wall: float, processor: float) -> str:
    return f"{wall:.3g} ({processor:.3g})"


def figures_of(
    name: str, quick: dict[str, float], day: dict[str, float], chosen: argparse.Namespace
) -> list[Figure]:
    """Return the figures of one database with their goals."""
    goals = (
        (f"start with {chosen.segments} known segments", quick["start"], "s", 5),
        (f"live turn of {chosen.segments} segments", quick["turn"], "s", 1),
        ("written a segment and window", quick["bytes"], "bytes", 2048),
        (
            f"{chosen.hours} hours of {chosen.catch_up_segments} segments caught up",
            day["seconds"],
            "s",
            60,
        ),
        ("largest size of that process", day["mb"], "MB", 300),
        ("the same replayed", day["replay"], "s", 60),
    )
    return [
        Figure(f"{what}, {name}", round(value, 2), unit, f"at most {goal}", value <= goal)
        for what, value, unit, goal in goals
    ]


if __name__ == "__main__":
    main()
