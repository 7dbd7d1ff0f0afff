"""The agent without a model, beside decoding alone: the ceiling of everything but the model."""

from __future__ import annotations

import argparse
import os
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from driftgauge.agent.events.decode import DecodePorts, DecodeSettings
from driftgauge.agent.events.picture_reader import PictureReader

from ..broker import Broker
from .agent_rig import MockAgent, Topic, frames, turn_until_counted
from .table import Figure

Result = tuple[list[dict[str, object]], list[Figure]]
GOAL, SHARE_GOAL = 1_800, 0.80
THREADS = 2
KINDS = {
    "MainThread": "the loop: polling, counting, flushes",
    "kafka": "the Kafka client",
    "decode": "decoding",
    "scoring": "scoring",
}
"""Names of threads, up to the first hyphen, and what they do."""


def ceiling(broker: Broker, folder: Path, chosen: argparse.Namespace) -> Result:
    """Events/s of everything but the model, turn about with decoding the same pictures alone."""
    topic, pictures, n = Topic(broker, "bench-mock"), frames(256), chosen.mock_events
    broker.create_topic(topic.name)
    agent = MockAgent(topic, folder)
    rates, alone, spent = [], [], []
    for _ in range(chosen.rounds + 1):
        topic.send(pictures, n)
        alone.append(n / seconds_to_decode(pictures, n))
        before, stages = thread_seconds(), agent.loop.status().stage_seconds
        rates.append(n / turn_until_counted(agent.loop, topic.n_sent))
        threads = _per_event(before, thread_seconds(), n, "processor time, {}")
        spent.append(
            threads | _per_event(stages, agent.loop.status().stage_seconds, n, "by the clock, {}")
        )
    agent.close()
    rate, decoding = (statistics.median(side[1:]) for side in (rates, alone))
    share = statistics.median(a / b for a, b in zip(rates[1:], alone[1:], strict=True))
    rows: list[dict[str, object]] = [
        {"what": "agent, mock model", "value": round(rate), "unit": "events/s"},
        {
            "what": f"decoding alone, {THREADS} threads",
            "value": round(decoding),
            "unit": "images/s",
        },
        *_budget(spent[1:]),
    ]
    return rows, [
        Figure(
            "ceiling without a model", round(rate), "events/s", f"at least {GOAL:,}", rate >= GOAL
        ),
        Figure(
            "agent over decoding alone",
            round(share, 2),
            "",
            f"at least {SHARE_GOAL}",
            share >= SHARE_GOAL,
        ),
    ]


def thread_seconds() -> dict[str, float]:
    """Return the processor seconds of this process's threads so far, by their kind."""
    tick = os.sysconf("SC_CLK_TCK")
    found: defaultdict[str, float] = defaultdict(float)
    for thread in threading.enumerate():
        file = Path(f"/proc/self/task/{thread.native_id}/stat")
        if file.exists():  # else it has just ended
            fields = file.read_text().rpartition(")")[2].split()
            kind = thread.name.split("-")[0]
            found[KINDS.get(kind, "others")] += (int(fields[11]) + int(fields[12])) / tick
    return dict(found)


def _per_event(
    before: Mapping[str, float], after: Mapping[str, float], n: int, name: str
) -> dict[str, float]:
    return {name.format(of): 1e3 * (spent - before.get(of, 0)) / n for of, spent in after.items()}


def _budget(spent: Sequence[Mapping[str, float]]) -> list[dict[str, object]]:
    """Return the medians of what an event takes, by thread and by stage."""
    names = dict.fromkeys(name for one in spent for name in one)
    medians = {name: statistics.median(one.get(name, 0.0) for one in spent) for name in names}
    return [
        {"what": name, "value": round(value, 3), "unit": "ms an event"}
        for name, value in medians.items()
        if round(value, 3)
    ]


def seconds_to_decode(pictures: Sequence[bytes], n: int) -> float:
    """Return the seconds that the agent's decoder takes for *n* pictures in as many threads as the agent."""
    reader = PictureReader.of(DecodeSettings(), DecodePorts())

    def work(first: int) -> None:
        for number in range(first, n, THREADS):
            reader.decode(pictures[number % len(pictures)])

    threads = [threading.Thread(target=work, args=(first,)) for first in range(THREADS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began
