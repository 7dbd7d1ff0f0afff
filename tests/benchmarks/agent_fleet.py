"""Several agents on one topic: what more of them bring, and how soon a dead one's partitions are read on."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

from driftgauge.agent.process.allocator import keep_freed_memory
from driftgauge.storage import Database, Store

from ..broker import Broker
from .agent_rig import STREAM, PixelScorer, Reach, Topic, frames, mock_loop, mock_store
from .table import Figure

Result = tuple[list[dict[str, object]], list[Figure]]
N_AGENTS, N_PARTITIONS = (1, 2, 4), 4
PATIENCE_SECONDS = 180.0
STEADY_PER_SECOND = 40
BUSY_SHARE = 0.8
"""Of the events: until so many are counted, no agent has come to the end of its partitions."""


def fleet(broker: Broker, folder: Path, chosen: argparse.Namespace) -> Result:
    """Events/s of 1, 2 and 4 agents without a model, and the seconds until a killed one is replaced."""
    rates = {n: _rate(broker, folder, n, chosen) for n in N_AGENTS}
    rows: list[dict[str, object]] = [
        {"what": f"mock model, {n} agents", "value": round(rate), "unit": "events/s"}
        for n, rate in rates.items()
    ]
    took = _seconds_to_take_over(broker, folder)
    what = "from a killed agent to its partitions being counted on"
    rows.append({"what": what, "value": round(took, 1), "unit": "s"})
    figures = [
        Figure(f"{n} agents over one", round(rate / rates[1], 2), "") for n, rate in rates.items()
    ]
    return rows, [*figures[1:], Figure(what, round(took, 1), "s")]


def _rate(broker: Broker, folder: Path, n_agents: int, chosen: argparse.Namespace) -> float:
    topic = Topic(broker, f"bench-fleet-{n_agents}", n_partitions=N_PARTITIONS)
    broker.create_topic(topic.name, N_PARTITIONS)
    with _agents(topic, folder, n_agents) as (processes, store):
        _signal(processes, signal.SIGSTOP)  # all begin with partitions that are full
        topic.send(frames(64), chosen.fleet_events)
        _signal(processes, signal.SIGCONT)
        began = time.perf_counter()
        _wait_until(store, round(BUSY_SHARE * topic.n_sent))
        return _counted(store) / (time.perf_counter() - began)


def _signal(processes: Sequence[BaseProcess], number: signal.Signals) -> None:
    for process in processes:
        os.kill(process.pid or 0, number)


def _seconds_to_take_over(broker: Broker, folder: Path) -> float:
    """Return the seconds from the death of one of two agents until all partitions move on."""
    topic = Topic(broker, "bench-takeover", n_partitions=N_PARTITIONS)
    broker.create_topic(topic.name, N_PARTITIONS)
    values = frames(16)
    with _agents(topic, folder, 2) as (processes, store):
        topic.send(values, 400)
        _wait_until(store, topic.n_sent)
        _signal(processes[:1], signal.SIGKILL)
        died, at_death = time.perf_counter(), _offsets(store, topic)
        while any(now <= at_death[place] for place, now in _offsets(store, topic).items()):
            topic.send(values, N_PARTITIONS)
            time.sleep(N_PARTITIONS / STEADY_PER_SECOND)
            if time.perf_counter() - died > PATIENCE_SECONDS:
                raise SystemExit("the dead agent's partitions are not read on")
        return time.perf_counter() - died


@contextmanager
def _agents(topic: Topic, folder: Path, n: int) -> Iterator[tuple[list[BaseProcess], Store]]:
    """Run *n* agents in processes of their own until the block ends."""
    url = f"sqlite:///{folder}/{topic.name}.db"
    database, store = mock_store(url, topic.name)
    spawn = multiprocessing.get_context("spawn")
    ready, stop = spawn.Barrier(n + 1), spawn.Event()
    work = (Reach.of(topic), url, ready, stop)
    processes: list[BaseProcess] = [spawn.Process(target=_run, args=work) for _ in range(n)]
    try:
        for process in processes:
            process.start()
        ready.wait(PATIENCE_SECONDS)
        yield processes, store
    finally:
        stop.set()
        for process in processes:
            process.join()
        database.close()


def _run(reach: Reach, url: str, ready: threading.Barrier, stop: threading.Event) -> None:
    """Be one agent: tell when partitions are owned."""
    keep_freed_memory()
    database = Database(url)
    loop = mock_loop(reach, Store(database), stop, scorer=PixelScorer(), flush_seconds=0.5)
    while not loop.status().partitions:
        loop.turn()
    threading.Thread(target=ready.wait, daemon=True).start()
    loop.run()
    database.close()


def _counted(store: Store) -> int:
    return store.event_counts(STREAM).get("*", 0)


def _offsets(store: Store, topic: Topic) -> dict[tuple[str, int], int]:
    places = frozenset((topic.name, number) for number in range(N_PARTITIONS))
    return {place: store.offsets(STREAM, places).get(place, 0) for place in places}


def _wait_until(store: Store, n: int) -> None:
    began = time.perf_counter()
    while _counted(store) < n:
        time.sleep(0.05)
        if time.perf_counter() - began > PATIENCE_SECONDS:
            raise SystemExit(f"{_counted(store)} of {n} events are counted")
