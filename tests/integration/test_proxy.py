"""A network that freezes, breaks and spoils bytes costs time, and not one event."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from driftgauge.agent.demo.produce import FrameProducer
from driftgauge.agent.stream.connection import KafkaConnection

from ..agent.records import NOON, encoded
from ..broker import until
from ..kafka_server import KafkaServer
from ..proxy import Proxy
from .agent_rig import Agent, Rig
from .test_apache_kafka import rig

__all__ = ["rig"]
pytestmark = pytest.mark.kafka

SESSION_SECONDS = 2.0
_PIXELS = np.random.default_rng(3).integers(0, 256, (96, 96, 3), dtype=np.uint8)
FRAME = encoded(Image.fromarray(_PIXELS))
"""Noise of some 10 KB, so that what is spoilt on the way is a picture's bytes."""


@pytest.fixture
def proxy(apache_kafka: KafkaServer) -> Iterator[Proxy]:
    ports = apache_kafka.ports
    with Proxy(ports["BEHIND_PROXY"], ports["PROXY"]) as running:
        yield running


def through(proxy: Proxy) -> KafkaConnection:
    return KafkaConnection(bootstrap_servers=(f"127.0.0.1:{proxy.port}",))


def send(rig: Rig, n: int) -> None:
    """Send past the proxy: the cameras' network is another one."""
    with FrameProducer(rig.server.connection(), rig.topic) as producer:
        for _ in range(n):
            producer.send(FRAME, partition=0, event_time=NOON)


def turn_for(agent: Agent, seconds: float) -> None:
    start = time.monotonic()
    until(lambda: time.monotonic() - start > seconds, agent.loop.turn)


@pytest.mark.parametrize("session", [30, SESSION_SECONDS], ids=["short", "beyond the session"])
def test_a_frozen_connection_is_waited_for(rig: Rig, proxy: Proxy, session: float) -> None:
    """Beyond its session's time-out the agent has lost its partition meanwhile, and joins anew."""
    send(rig, 50)
    agent = rig.agent(connection=through(proxy), session_timeout_seconds=session)
    until(lambda: agent.n_counted > 0, agent.loop.turn)
    with proxy.frozen():
        send(rig, 50)
        turn_for(agent, 2 * SESSION_SECONDS)
        assert agent.n_counted < 100
    agent.read(100)
    assert agent.next_offsets == {0: 100}
    agent.leave()


def test_a_broken_connection_is_made_anew(rig: Rig, proxy: Proxy) -> None:
    send(rig, 50)
    agent = rig.agent(connection=through(proxy))
    until(lambda: agent.n_counted > 0, agent.loop.turn)
    with proxy.cut():
        send(rig, 50)
        turn_for(agent, 2)
        assert agent.n_counted < 100
    agent.read(100)
    assert agent.next_offsets == {0: 100}
    agent.leave()


def test_a_broker_that_is_away_is_told_on_an_idle_topic_and_its_return(
    rig: Rig, proxy: Proxy
) -> None:
    """The client's own poll gives nothing then, as it does where nothing was sent."""
    send(rig, 5)
    agent = rig.agent(connection=through(proxy), lag_interval_seconds=0.5)
    agent.read(5)
    with proxy.cut():
        until(lambda: "broker" in agent.loop.status().unavailable, agent.loop.turn, turns=3_000)
    until(lambda: not agent.loop.status().unavailable, agent.loop.turn, turns=3_000)
    send(rig, 5)
    agent.read(10)
    agent.leave()


def test_connections_that_break_all_the_time_lose_and_double_nothing(
    rig: Rig, proxy: Proxy
) -> None:
    agent = rig.agent(connection=through(proxy))
    for _ in range(8):
        send(rig, 40)
        turn_for(agent, 0.3)
        proxy.drop()
    agent.read(320)
    assert agent.next_offsets == {0: 320}
    agent.leave()


def test_flipped_bits_are_noticed_and_read_again(
    rig: Rig, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    """The checksum tells; what was good on the disk is no dead letter, and no picture is wrong."""
    agent = rig.agent(connection=through(proxy))
    until(lambda: bool(agent.source.assignment()), agent.loop.turn)
    for _ in range(3):
        proxy.spoil(1)
        n_spoilt = proxy.n_spoilt
        send(rig, 60)
        until(lambda: proxy.n_spoilt > n_spoilt, agent.loop.turn)  # noqa: B023 - used at once
        turn_for(agent, 1)
    agent.read(180)
    assert agent.next_offsets == {0: 180}
    assert agent.letters.stored == []
    assert caplog.text.count("failed crc check") >= 3
    agent.leave()
