"""A real agent on a real broker, watched from outside: what is scraped is what was sent."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import (  # noqa: TID251 - reads what is exposed
    text_string_to_metric_families,
)

from driftgauge.agent.clock import SystemClock
from driftgauge.agent.demo.produce import FrameProducer
from driftgauge.agent.events.decode import DecodeSettings
from driftgauge.agent.loop.loop import AgentLoop
from driftgauge.agent.loop.loop_settings import LoopSettings
from driftgauge.agent.stream.dead_letter import KafkaDeadLetters
from driftgauge.agent.stream.kafka import KafkaSource
from driftgauge.agent.telemetry import HttpServer, Metrics, agent_pages
from driftgauge.storage import Store

from ..agent.records import NOON, jpeg
from ..agent.scorer import BrightnessScorer
from ..broker import BROKERS, Broker, consumer_settings, until
from ..stores import upgraded

STREAM = "line"
ABOUT = {"stream": STREAM, "topic": "frames", "detector": "brightness-1"}


@pytest.fixture(params=BROKERS)
def running(request: pytest.FixtureRequest) -> Broker:
    found: Broker = request.getfixturevalue(request.param)
    return found


def scrape(server: HttpServer) -> dict[str, float]:
    """Return every sample, under its name and labels as they are written."""
    with closing(http.client.HTTPConnection(server.address, timeout=60)) as connection:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    return {
        sample.name + "".join(f" {name}={value}" for name, value in sample.labels.items()): (
            sample.value
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def status(server: HttpServer, path: str) -> int:
    with closing(http.client.HTTPConnection(server.address, timeout=60)) as connection:
        connection.request("GET", path)
        return connection.getresponse().status


@contextmanager
def agent(broker: Broker, topic: str, folder: Path) -> Iterator[HttpServer]:
    """Run everything but the model in a thread, and serve its pages."""
    database = upgraded(f"sqlite:///{folder}/driftgauge.db")
    store, metrics, stop = Store(database), Metrics(alpha=0.01), threading.Event()
    store.ensure_stream(STREAM, topic, 60)
    loop = AgentLoop(
        source=KafkaSource(
            broker.connection(),
            topic=topic,
            group_id=topic,
            settings=consumer_settings(broker),
        ),
        dead_letters=KafkaDeadLetters(broker.connection(), topic=f"{topic}.dlq"),
        scorer=BrightnessScorer(),
        store=store,
        clock=SystemClock(),
        settings=LoopSettings(
            stream=STREAM,
            decode=DecodeSettings(segment_headers=("camera",)),
            max_images=8,
            max_delay_seconds=0.05,
            flush_interval_seconds=0.2,
            lag_interval_seconds=0.2,
            max_segments=3,
        ),
        stop=stop,
        listener=metrics.hear,
    )
    pages = agent_pages(loop.status, SystemClock(), metrics, ABOUT)
    thread = threading.Thread(target=loop.run)
    with closing(HttpServer("127.0.0.1", 0, pages)) as server:
        server.start()
        thread.start()
        try:
            yield server
        finally:
            stop.set()
            thread.join(60)
            database.close()


def test_what_is_scraped_is_what_was_sent(running: Broker, topic: str, tmp_path: Path) -> None:
    running.create_topic(topic, 2)
    with agent(running, topic, tmp_path) as server:
        assert status(server, "/healthz") == 200
        with FrameProducer(running.connection(), topic) as producer:
            for number in range(40):
                camera = str(number % 5)
                producer.send(
                    jpeg(), headers={"camera": camera}, partition=number % 2, event_time=NOON
                )
            for value in (b"text", jpeg()[:100], b""):
                producer.send(value, partition=0)
        seen: list[dict[str, float]] = [{}]
        tick = threading.Event()

        def is_all_seen() -> bool:
            last = seen[-1]
            told = [last.get(f"driftgauge_lag_events partition={n}") for n in (0, 1)]
            written = last.get("driftgauge_flush_duration_seconds_count", 0)
            return last.get("driftgauge_events_consumed_total") == 43 and told == [0, 0] and bool(
                written and last["driftgauge_queue_events"] == 0
            )  # fmt: skip

        def look() -> None:
            tick.wait(0.05)
            seen.append(scrape(server))

        until(is_all_seen, look, turns=3_000)
        last = seen[-1]
        assert last["driftgauge_events_scored_total"] == 40
        assert last["driftgauge_batch_events_sum"] == 40
        assert last["driftgauge_events_dead_lettered_total reason=EventDecodeError"] >= 1
        letters = [n for name, n in last.items() if "events_dead_lettered_total" in name]
        assert sum(letters) == 3
        assert last["driftgauge_partitions_assigned"] == 2
        assert last["driftgauge_segments_bounded_total"] == 16
        assert last["driftgauge_lag_seconds partition=0"] == 0
        assert last["driftgauge_flushes_total outcome=stale"] == 0
        assert last["driftgauge_turn_age_seconds"] < 30
        assert status(server, "/readyz") == 200
