"""The delivery promise while the world fails: broker away, database away, clock set.

The short forms take seconds; ``make test-crash`` keeps each away for a minute.
"""

from __future__ import annotations

import random
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from driftgauge.agent.demo.produce import FrameProducer

from ..kafka_server import KafkaServer
from ..postgres import PostgresServer, find_binaries, go_without, new_database, stoppable_server
from .agent import AgentProcess
from .ledger import Ledger
from .rig import Rig, made
from .test_kill import IS_LONG, end, rig

__all__ = ["rig"]

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]

AWAY_SECONDS = 60.0 if IS_LONG else 2.0
RESTARTS = 5 if IS_LONG else 1


def pass_time(seconds: float) -> None:
    threading.Event().wait(seconds)


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[PostgresServer]:
    binaries = find_binaries()
    if binaries is None:
        go_without("install Debian's postgresql; one that is named cannot be stopped")
    with stoppable_server(binaries) as server:
        yield server


def test_a_broker_that_restarts_under_way_costs_and_doubles_nothing(
    apache_kafka: KafkaServer, topic: str, tmp_path: Path
) -> None:
    """Two agents share the topic; one of them dies while the broker is away."""
    sent = Ledger()
    with made(apache_kafka, topic, tmp_path) as rig:
        agents = [rig.start(), rig.start()]
        for restart in range(RESTARTS):
            with FrameProducer(apache_kafka.connection(), topic) as producer:
                sent.send(producer, 500)
                rig.wait_for_progress(sent)
                sent.send(producer, 500)
            with apache_kafka.away():
                if restart % 2 == 0:
                    agents.pop().kill()
                pass_time(AWAY_SECONDS if restart == 0 and IS_LONG else 0)
            if len(agents) < 2:
                agents.append(rig.start())
        with FrameProducer(apache_kafka.connection(), topic) as producer:
            sent.send(producer, 100)
        rig.wait_until_read(sent)
        for agent in agents:
            end(agent)
        rig.check(sent)


@pytest.mark.postgres
def test_a_database_that_goes_away_and_comes_back_costs_and_doubles_nothing(
    apache_kafka: KafkaServer, topic: str, tmp_path: Path, own_postgres: PostgresServer
) -> None:
    """Events keep coming meanwhile, and one agent dies with what it had counted."""
    sent = Ledger()
    with (
        new_database(own_postgres.url) as url,
        made(apache_kafka, topic, tmp_path, url) as rig,
        FrameProducer(apache_kafka.connection(), topic) as producer,
    ):
        first, second = rig.start(), rig.start()
        sent.send(producer, 600)
        rig.wait_for_progress(sent)
        with own_postgres.away():
            sent.send(producer, 300)
            rig.wait_for_words("did not answer")
            pass_time(AWAY_SECONDS / 2)
            first.kill()
            sent.send(producer, 300)
            pass_time(AWAY_SECONDS / 2)
        third = rig.start()
        rig.wait_until_read(sent)
        end(second)
        end(third)
        rig.check(sent)


def test_a_database_file_that_another_keeps_locked_costs_and_doubles_nothing(
    apache_kafka: KafkaServer, topic: str, tmp_path: Path
) -> None:
    sent = Ledger()
    with (
        made(apache_kafka, topic, tmp_path, busy_seconds=0.3) as rig,
        FrameProducer(apache_kafka.connection(), topic) as producer,
        rig.agent(),
    ):
        sent.send(producer, 400)
        rig.wait_for_progress(sent)
        with locked(tmp_path / "driftgauge.db"):
            sent.send(producer, 400)
            rig.wait_for_words("did not answer")
            pass_time(AWAY_SECONDS)
        rig.wait_until_read(sent)
        rig.check(sent)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    connection = sqlite3.connect(path, isolation_level=None, timeout=10)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


@pytest.mark.parametrize("step_seconds", [3600, -240])
def test_a_clock_that_is_set_under_way_costs_and_doubles_nothing(
    rig: Rig, step_seconds: int
) -> None:
    """Events are dated now, and the agents' clocks jump; one of two agents dies besides.

    A step back by more than [windows] max_skew_seconds would count events at their arrival.
    """
    sent = Ledger()
    steps = [step_seconds, 0, step_seconds] if IS_LONG else [step_seconds]
    with FrameProducer(rig.broker.connection(), rig.topic) as producer:
        agents = [rig.start(), rig.start()]
        for step in steps:
            sent.send(producer, 300, now)
            rig.wait_for_progress(sent)
            rig.step_clock(step)
            sent.send(producer, 300, now)
            kill_one(agents)
            agents.append(rig.start())
        rig.step_clock(0)
        rig.wait_until_read(sent)
        for agent in agents:
            end(agent)
    rig.check(sent)


def now() -> datetime:
    return datetime.now(UTC)


def kill_one(agents: list[AgentProcess]) -> None:
    agents.pop(random.randrange(len(agents))).kill()
