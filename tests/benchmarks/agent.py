"""The whole agent against the bare model; its ceiling, tap events, delay, memory and Kafka client.

Run: python -m tests.benchmarks.agent [--broker embedded] [--rounds N] [--events N] [--only PART ...]
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from driftgauge.agent.model.batch_size import plain_batch
from driftgauge.agent.process.allocator import keep_freed_memory

from ..agent.records import jpeg
from ..broker import Broker
from .agent_ceiling import ceiling
from .agent_fleet import fleet
from .agent_rig import (
    MockAgent,
    RealAgent,
    Topic,
    fitted_settings,
    frames,
    frames_of_all_sizes,
    in_thread,
    resident_mib,
    running_broker,
    turn_until_counted,
)
from .agent_taps import sent_taps
from .bare_forward import BareForward, PlainScript
from .clients import confluent_rate, kafka_python_rate
from .table import Figure, write_benchmark

GOAL = 0.95
DELAY_GOAL_SECONDS = {0.5: 0.6}
Result = tuple[list[dict[str, object]], list[Figure]]


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def speed(broker: Broker, folder: Path, chosen: argparse.Namespace) -> Result:
    """Images/s of agent and of decode plus bare forward, turn about on the same images.

    The bare side runs in two arrangements: a plain script, and with everything that the agent does to
    be fast. The goal is over the second.
    """
    pictures = frames(chosen.images)
    topic = Topic(broker, "bench-real")
    broker.create_topic(topic.name)
    settings = fitted_settings(folder, broker, topic.name, frames(chosen.reference, seed=1))
    size = plain_batch(settings.batch.max_images)
    script = PlainScript(settings, batch=size)
    sides = (script, BareForward(settings, batch=size, transforms_in_threads=True))
    agent = RealAgent(settings)
    topic.send(pictures, chosen.images)  # both sides warm up on one round
    turn_until_counted(agent.loop, topic.n_sent)
    for bare in sides:
        bare.seconds(pictures, chosen.images)
    before = agent.loop.status().stage_seconds
    found = []
    for number in range(chosen.rounds):
        topic.send(pictures, chosen.images)
        alone = [chosen.images / bare.seconds(pictures, chosen.images) for bare in sides]
        whole = chosen.images / turn_until_counted(agent.loop, topic.n_sent)
        found.append((whole, *alone))
        plain, tuned = alone
        say(
            f"round {number}: agent {whole:.1f}, bare {plain:.1f} plain, {tuned:.1f} tuned images/s"
        )
    stages = agent.loop.status().stage_seconds
    took = {name: seconds - before.get(name, 0) for name, seconds in stages.items()}
    say("the agent's seconds: " + ", ".join(f"{k} {v:.1f}" for k, v in sorted(took.items())))
    agent.close()
    script.close()
    names = (
        "agent, real model",
        "decode and bare forward, a plain script",
        "decode and bare forward, tuned as the agent is",
    )
    rows: list[dict[str, object]] = [
        {"what": name, "value": round(statistics.median(side), 1), "unit": "images/s"}
        for name, side in zip(names, zip(*found, strict=True), strict=True)
    ]
    figures = []
    for place, name in ((1, "a plain script"), (2, "decode and bare forward, tuned alike")):
        ratios = [row[0] / row[place] for row in found]
        ratio, has_goal = statistics.median(ratios), place == len(sides)
        between = f"{min(ratios):.2f} to {max(ratios):.2f}"
        rows.append({"what": f"agent over {name}, rounds", "value": between, "unit": ""})
        goal, holds = (f"at least {GOAL}", ratio >= GOAL) if has_goal else ("", None)
        figures.append(Figure(f"agent over {name}", round(ratio, 3), "", goal, holds))
    return rows, figures


def delay(broker: Broker, folder: Path, chosen: argparse.Namespace) -> Result:
    """Seconds from sending an image to its window being in the database, at 50 images/s."""
    rows: list[dict[str, object]] = []
    figures = []
    for flush_seconds in (5.0, 0.5):
        topic = Topic(broker, f"bench-delay-{flush_seconds:g}".replace(".", "-"))
        broker.create_topic(topic.name)
        agent = MockAgent(topic, folder, flush_seconds)
        running = in_thread(lambda agent=agent: agent.loop.run() and None)  # type: ignore[misc]
        sent_at = steadily(topic, frames(64), n=round(50 * chosen.delay_seconds), per_second=50)
        while not agent.store.flushed or agent.store.flushed[-1][1] < len(sent_at):
            time.sleep(0.05)
        agent.stop.set()
        running.join()
        agent.database.close()
        ends = np.array([offset for _, offset in agent.store.flushed])
        times = np.array([moment for moment, _ in agent.store.flushed])
        waits = times[np.searchsorted(ends, np.arange(len(sent_at)), side="right")] - sent_at
        p50, p99 = (float(np.percentile(waits, q)) for q in (50, 99))
        goal = DELAY_GOAL_SECONDS.get(flush_seconds)
        for name, value in (("p50", p50), ("p99", p99)):
            what = f"sent to counted, {name}, flush every {flush_seconds:g} s"
            rows.append({"what": what, "value": round(value, 2), "unit": "s"})
            has_goal = goal is not None and name == "p99"
            wanted, holds = (f"at most {goal}", value <= (goal or 0)) if has_goal else ("", None)
            figures.append(Figure(what, round(value, 2), "s", wanted, holds))
    return rows, figures


def steadily(topic: Topic, values: list[bytes], *, n: int, per_second: float) -> np.ndarray:
    """Send *n* images at a steady rate and return when each was handed to the producer."""
    from driftgauge.agent.demo.produce import FrameProducer

    sent_at = np.empty(n)
    with FrameProducer(topic.broker.connection(), topic.name) as producer:
        began = time.time()
        for number in range(n):
            time.sleep(max(0.0, began + number / per_second - time.time()))
            sent_at[number] = time.time()
            producer.send(values[number % len(values)], partition=0)
    return sent_at


def memory(broker: Broker, folder: Path, chosen: argparse.Namespace) -> Result:
    """Resident memory while many small events go through."""
    topic = Topic(broker, "bench-memory")
    broker.create_topic(topic.name)
    agent = MockAgent(topic, folder)
    return growth(agent, topic, [jpeg()], chosen.events, n_warm=1)


def soak(broker: Broker, folder: Path, chosen: argparse.Namespace) -> Result:
    """Resident memory while pictures of all sizes go through the real model."""
    topic = Topic(broker, "bench-soak")
    broker.create_topic(topic.name)
    settings = fitted_settings(folder, broker, topic.name, frames(600, seed=1))
    return growth(RealAgent(settings), topic, frames_of_all_sizes(500), chosen.pictures, n_warm=5)


def growth(
    agent: MockAgent | RealAgent, topic: Topic, values: list[bytes], n_events: int, *, n_warm: int
) -> Result:
    """Look at memory ten times; the first *n_warm* looks are for warming up."""
    spawn = multiprocessing.get_context("spawn")
    n_points, per_point = 10, n_events // 10
    rows: list[dict[str, object]] = []
    began = time.perf_counter()
    for point in range(1, n_points + 1):
        work = (topic.broker.connection(), topic.name, values, per_point)
        sender = spawn.Process(target=send_all, args=work)
        sender.start()
        turn_until_counted(agent.loop, point * per_point)
        sender.join()
        gc.collect()
        seen = {"what": f"{topic.name}: memory after {point * per_point:,} events", "unit": "MiB"}
        rows.append(seen | {"value": round(resident_mib(), 1)})
        say(f"{seen['what']}: {resident_mib():.1f} MiB, {time.perf_counter() - began:.0f} s")
    agent.close()
    sizes = [float(str(row["value"])) for row in rows]
    grown = sizes[-1] - sizes[n_warm - 1]
    name = f"{topic.name}: memory growth from {n_warm * per_point:,} to {n_events:,} events"
    return rows, [Figure(name, round(grown, 1), "MiB", "at most 20", grown <= 20)]


def send_all(connection: object, topic: str, values: list[bytes], n: int) -> None:
    from driftgauge.agent.demo.produce import FrameProducer

    with FrameProducer(connection, topic) as producer:  # type: ignore[arg-type]
        for number in range(n):
            value = values[number % len(values)]
            producer.send(value, headers={"camera": f"{number % 20}"}, partition=0)


def clients(broker: Broker, folder: Path, chosen: argparse.Namespace) -> Result:
    """Messages/s and CPU of the two Kafka clients alone, turn about on the same topic."""
    topic, n = Topic(broker, "bench-clients"), 4_000
    broker.create_topic(topic.name)
    topic.send(frames(256), n)
    sides: dict[str, Callable[..., tuple[float, float]]] = {
        "kafka-python": kafka_python_rate,
        "confluent-kafka": confluent_rate,
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for _ in range(chosen.rounds):
        for name, rate in sides.items():
            found[name].append(rate(broker.connection(), topic.name, n))
    rows: list[dict[str, object]] = []
    for name, seen in found.items():
        rate, cpu = (statistics.median(side) for side in zip(*seen, strict=True))
        rows.append({"what": f"{name}, 30 KB", "value": round(rate), "unit": "messages/s"})
        rows.append({"what": f"{name}, CPU", "value": round(cpu * 1e6), "unit": "us a message"})
    return rows, [
        Figure(str(row["what"]), float(str(row["value"])), str(row["unit"])) for row in rows
    ]


PARTS: dict[str, Callable[[Broker, Path, argparse.Namespace], Result]] = {
    "speed": speed,
    "ceiling": ceiling,
    "taps": sent_taps,
    "fleet": fleet,
    "delay": delay,
    "clients": clients,
    "memory": memory,
    "soak": soak,
}


def main() -> None:
    """Print the table and write build/benchmarks/agent.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--broker", choices=["apache", "embedded"], default="apache")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=512, help="of one round")
    parser.add_argument("--reference", type=int, default=600, help="images of the speed part's fit")
    parser.add_argument("--tap-events", type=int, default=8_192, help="of one round")
    parser.add_argument(
        "--mock-events",
        type=int,
        default=20_000,
        help="of one round; each ends with a flush of its own",
    )
    parser.add_argument("--fleet-events", type=int, default=12_000, help="for all agents")
    parser.add_argument("--delay-seconds", type=float, default=30)
    parser.add_argument("--events", type=int, default=1_000_000, help="of the memory part")
    parser.add_argument("--pictures", type=int, default=10_000, help="of the soak part")
    parser.add_argument("--only", nargs="*", choices=list(PARTS), default=list(PARTS))
    chosen = parser.parse_args()
    keep_freed_memory()  # as the command does
    rows: list[dict[str, object]] = []
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "kafka").mkdir()
        with running_broker(chosen.broker, folder / "kafka") as broker:
            for part in chosen.only:
                say(f"measuring: {part}")
                more_rows, more_figures = PARTS[part](broker, folder, chosen)
                rows += more_rows
                figures += more_figures
    write_benchmark("agent", rows, figures)


if __name__ == "__main__":
    main()
