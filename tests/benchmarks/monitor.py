"""The monitor at scale, on both databases: a live turn, a start, a day caught up and replayed, many learnt at once.

One process, one core; PostgreSQL runs beside it. Baselines are known before, as after a restart. Seconds are
shown twice: on the wall, and of this process's processor, which other work on the machine does not enter.

Run: python -m tests.benchmarks.monitor [--only sqlite] [--parts live day learn] [--segments N]
     [--catch-up-segments N] [--hours H] [--learn-hours H]
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
from dataclasses import replace
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
PARTS = ("live", "day", "learn")


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


def a_monitor(store: object, settings: MonitorSettings = SETTINGS) -> Monitor:
    """Return a monitor as a started agent has it."""
    return Monitor(
        store,  # type: ignore[arg-type]  # stands in for the store
        detector=DETECTOR,
        columns=LAYERS,
        reference={},
        settings=settings,
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
    return in_own_process("--judge", url, feed.now) | in_own_process("--replay", url, feed.now)


def learn(url: str, n_segments: int, hours: int) -> dict[str, float]:
    """Return seconds and MB of a process that learns segments which all began together *hours* ago."""
    with opened(url) as database:
        feed = Feed(database, n_segments)
        for number in range(12 * hours + 1):
            feed.send(5)
            print(f"{number} of {12 * hours} lots written", end="\r", file=sys.stderr)
    return in_own_process("--judge", url, feed.now, "--learn-hours", str(hours))


def in_own_process(work: str, url: str, at: datetime, *more: str) -> dict[str, float]:
    """Return what a process of its own measures, which holds nothing of what was written."""
    command = [sys.executable, "-m", __spec__.name, work, url, "--at", at.isoformat(), *more]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(answer.stdout)
    return found


def judge_all(url: str, at: datetime, learn_hours: int) -> dict[str, float]:
    """Judge everything; return seconds and the process's largest size."""
    before = peak_mb()
    settings = replace(SETTINGS, learn=timedelta(hours=learn_hours))
    with opened(url) as database:
        store = Store(database, now=lambda: at)
        seconds, processor = taken(a_monitor(store, settings).turn)
        baselines = len(store.baselines(STREAM, DETECTOR))
    return {
        "seconds": seconds,
        "processor": processor,
        "mb": peak_mb(),
        "imports_mb": before,
        "baselines": baselines,
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
    """Give an empty database of each kind for each part."""
    with tempfile.TemporaryDirectory() as folder:
        sqlite = [f"sqlite:///{folder}/{name}.db" for name in PARTS]
        binaries = find_binaries()
        if binaries is None:
            yield {"sqlite": sqlite}
            return
        with (
            running_server(binaries) as server,
            new_database(server) as a,
            new_database(server) as b,
            new_database(server) as c,
        ):
            yield {"sqlite": sqlite, "postgresql": [a, b, c]}


def main() -> None:
    """Print the table and write build/benchmarks/monitor.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segments", type=int, default=1000)
    parser.add_argument("--catch-up-segments", type=int, default=200)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--learn-hours", type=int, default=4)
    parser.add_argument("--only", default="")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--judge", default="", help=argparse.SUPPRESS)
    parser.add_argument("--replay", default="", help=argparse.SUPPRESS)
    parser.add_argument("--at", default="", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.judge:
        print(
            json.dumps(
                judge_all(chosen.judge, datetime.fromisoformat(chosen.at), chosen.learn_hours)
            )
        )
        return
    if chosen.replay:
        print(json.dumps(replay_all(chosen.replay)))
        return
    rows: list[dict[str, object]] = []
    figures: list[Figure] = []
    with urls() as found:
        for name, each in found.items():
            if chosen.only not in ("", name):
                continue
            for part, url in zip(PARTS, each, strict=True):
                if part in chosen.parts:
                    more = measure(part, url, chosen)
                    print(more, file=sys.stderr, flush=True)
                    figures += [replace(one, name=f"{one.name}, {name}") for one in more]
            rows.append({"database": name, "parts": " ".join(chosen.parts)})
    write_benchmark("monitor", rows, figures)


def measure(part: str, url: str, chosen: argparse.Namespace) -> list[Figure]:
    """Measure one part on one database."""
    if part == "live":
        quick = live(url, chosen.segments)
        return [
            *timed(f"start with {chosen.segments} known segments", quick, "start", 5),
            *timed(f"live turn of {chosen.segments} segments", quick, "turn", 1),
            figure("written a segment and window", quick["bytes"], "bytes", 2048),
        ]
    if part == "day":
        day = catch_up(url, chosen.catch_up_segments, chosen.hours)
        return [
            *timed(
                f"{chosen.hours} hours of {chosen.catch_up_segments} segments caught up",
                *(day, "seconds", 60 * chosen.hours / 24),
            ),
            figure(f"size of that process, {day['imports_mb']:.0f} imports", day["mb"], "MB", 300),
            *timed("the same replayed", day, "replay", None),
        ]
    many = learn(url, chosen.segments, chosen.learn_hours)
    what = f"{many['baselines']} segments learnt at once, {chosen.learn_hours} hours each"
    return [
        *timed(what, many, "seconds", None),
        figure("size of that process while it learns", many["mb"], "MB", None),
    ]


def timed(what: str, found: dict[str, float], key: str, goal: float | None) -> list[Figure]:
    """Return a time on the wall, and that of the process's processor."""
    processor = "processor" if key == "seconds" else f"{key}_processor"
    return [
        figure(what, found[key], "s", goal),
        figure(f"{what}: processor", found[processor], "s", goal),
    ]


def figure(what: str, value: float, unit: str, goal: float | None) -> Figure:
    """Return a figure with its goal, None for one that has none."""
    if goal is None:
        return Figure(what, round(value, 2), unit)
    return Figure(what, round(value, 2), unit, f"at most {goal:g}", value <= goal)


if __name__ == "__main__":
    main()
