"""Faults of the Kafka client that the agent must live with; each was seen to lose or stop a stream.

Two more have their tests elsewhere: a paused partition that stays stuck in test_apache_kafka.py
(pausing amid many fetches), and a consumer that spins at bytes it could not parse in
test_kafka_failures.py, and on real bytes in test_apache_kafka.py and test_proxy.py.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from driftgauge.agent.clock import SystemClock
from driftgauge.agent.demo.produce import FrameProducer
from driftgauge.agent.process.watchdog import Watchdog
from driftgauge.agent.stream.kafka import KafkaSource

from ..broker import until
from ..kafka_server import KafkaServer
from .agent_rig import Rig
from .test_apache_kafka import rig

__all__ = ["rig"]
pytestmark = pytest.mark.kafka


@pytest.fixture
def sources(apache_kafka: KafkaServer, topic: str) -> Iterator[list[KafkaSource]]:
    """Give two members of a group, on a topic of two partitions with ten records each."""
    apache_kafka.create_topic(topic, 2)
    with FrameProducer(apache_kafka.connection(), topic) as producer:
        for number in range(20):
            producer.send(b"x", partition=number % 2)
    made = [KafkaSource(apache_kafka.connection(), topic=topic, group_id=topic) for _ in range(2)]
    yield made
    for source in made:
        source.close()


def changes(source: KafkaSource) -> bool:
    """Poll as the loop does; return whether partitions came or went."""
    changed = source.poll(0.05).assignment_changed
    if changed:
        source.seek(dict.fromkeys(source.assignment(), 0))
    return changed


def test_a_rebalance_whose_offsets_are_told_right_after_it_goes_through(
    sources: list[KafkaSource], topic: str
) -> None:
    """A commit within the client's own notice of a rebalance raises, and the rebalance fails."""
    first, second = sources
    until(lambda: changes(first) and len(first.assignment()) == 2, lambda: None, turns=3_000)
    first.commit({(topic, 0): 1, (topic, 1): 1})
    until(lambda: changes(first), lambda: changes(second), turns=3_000)
    first.commit({(topic, 0): 2, (topic, 1): 2})
    until(
        lambda: {len(source.assignment()) for source in sources} == {1},
        lambda: [changes(source) for source in sources],
        turns=3_000,
    )


def test_a_client_whose_own_thread_is_wedged_is_noticed_from_outside(rig: Rig) -> None:
    """Its calls then hang, whatever time they were given, and the loop cannot notice it itself."""
    rig.send(5)
    agent = rig.agent()
    until(lambda: agent.n_counted >= 5, agent.loop.turn)
    gate, ended = threading.Event(), threading.Event()
    consumer = agent.source._consumer
    assert consumer is not None
    consumer._client._net.call_soon_threadsafe(gate.wait)
    turning = threading.Thread(target=agent.idle)
    with Watchdog(
        lambda: agent.loop.status().turned_at, SystemClock(), max_silence_seconds=2, end=ended.set
    ):
        turning.start()
        assert ended.wait(60)
    assert turning.is_alive()
    gate.set()
    turning.join()
    agent.leave()
    assert agent.next_offsets == {0: 5}
