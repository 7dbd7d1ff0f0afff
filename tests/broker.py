"""One broker of each kind for the whole run; each test names its own topics."""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import pytest

from driftgauge.agent.demo.broker import EmbeddedBroker, tansu
from driftgauge.agent.errors import BrokerNotStarted
from driftgauge.agent.stream.connection import KafkaConnection
from driftgauge.agent.stream.consumer import ConsumerSettings, OffsetReset

_numbers = itertools.count()

BROKERS = [pytest.param(name, marks=pytest.mark.kafka) for name in ("broker", "apache_kafka")]
"""Parameters: the fixtures of the two brokers."""


class Broker(Protocol):
    """What both brokers can do."""

    @property
    def consumer_settings(self) -> Mapping[str, Any]:
        """What it asks of ``ConsumerSettings``, and of ``[kafka]``."""

    def connection(self) -> KafkaConnection: ...

    def create_topic(self, topic: str, partitions: int = 1) -> None: ...


def consumer_settings(broker: Broker, reset: OffsetReset = "earliest") -> ConsumerSettings:
    """Return how to read from *broker*, each partition from its first record."""
    return ConsumerSettings(auto_offset_reset=reset, **broker.consumer_settings)


def kafka_lines(broker: Broker) -> str:
    """Return what *broker* asks of the settings file's section ``kafka``."""
    return "".join(f"{name} = {json.dumps(of)}\n" for name, of in broker.consumer_settings.items())


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    """Give a running broker; skip without its package unless services are required."""
    try:
        tansu()
    except BrokerNotStarted as error:
        if os.environ.get("DRIFTGAUGE_REQUIRE_SERVICES") == "1":
            raise
        pytest.skip(f"{error}; {error.hint}")
    with EmbeddedBroker(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture
def topic(request: pytest.FixtureRequest) -> str:
    """Give a topic name that no other test has; the topic is not made."""
    name: str = request.node.name
    return re.sub(r"[^a-zA-Z0-9]+", "-", name)[:80] + f".{next(_numbers)}"


def until(holds: Callable[[], bool], turn: Callable[[], object], *, turns: int = 2_000) -> None:
    """Take turns until the condition holds; every turn waits for something real."""
    for _ in range(turns):
        if holds():
            return
        turn()
    pytest.fail(f"did not hold after {turns} turns")
