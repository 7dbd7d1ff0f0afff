"""The agent without a model, beside decoding alone: the ceiling of everything but the model."""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from driftgauge.agent.events.decode import DecodePorts, DecodeSettings
from driftgauge.agent.events.picture_reader import PictureReader

from ..broker import Broker
from .agent_rig import MockAgent, Topic, frames, turn_until_counted
from .table import Figure

Result = tuple[list[dict[str, object]], list[Figure]]
GOAL, SHARE_GOAL = 1_800, 0.80
THREADS = 2


def ceiling(broker: Broker, folder: Path, chosen: argparse.Namespace) -> Result:
    """Events/s of everything but the model, turn about with decoding the same pictures alone."""
    topic, pictures, n = Topic(broker, "bench-mock"), frames(256), chosen.mock_events
    broker.create_topic(topic.name)
    agent = MockAgent(topic, folder)
    rates, alone, cpus = [], [], []
    for _ in range(chosen.rounds + 1):
        topic.send(pictures, n)
        alone.append(n / seconds_to_decode(pictures, n))
        cpu = time.process_time()
        rates.append(n / turn_until_counted(agent.loop, topic.n_sent))
        cpus.append(1e3 * (time.process_time() - cpu) / n)
    agent.close()
    rate, decoding, cpu = (statistics.median(side[1:]) for side in (rates, alone, cpus))
    share = statistics.median(a / b for a, b in zip(rates[1:], alone[1:], strict=True))
    rows: list[dict[str, object]] = [
        {"what": "agent, mock model", "value": round(rate), "unit": "events/s"},
        {"what": "its processor time", "value": round(cpu, 3), "unit": "ms an event"},
        {
            "what": f"decoding alone, {THREADS} threads",
            "value": round(decoding),
            "unit": "images/s",
        },
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
