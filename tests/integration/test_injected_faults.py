"""What a broker answers when it cannot: the agent asks again, and counts every event once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..broker import until
from ..mock_cluster import Api, Fault, MockCluster
from .agent_rig import Rig, new_store

pytestmark = pytest.mark.kafka

FAULTS = [
    (Api.FETCH, [Fault.NOT_LEADER] * 3),
    (Api.FETCH, [Fault.UNKNOWN_TOPIC_OR_PARTITION, Fault.REQUEST_TIMED_OUT]),
    (Api.LIST_OFFSETS, [Fault.NOT_LEADER] * 2),
    (Api.FIND_COORDINATOR, [Fault.COORDINATOR_NOT_AVAILABLE] * 2),
    (Api.JOIN_GROUP, [Fault.COORDINATOR_LOADING, Fault.NOT_COORDINATOR]),
    (Api.HEARTBEAT, [Fault.UNKNOWN_MEMBER_ID]),
    (Api.OFFSET_COMMIT, [Fault.REBALANCE_IN_PROGRESS, Fault.UNKNOWN_MEMBER_ID]),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[MockCluster]:
    with MockCluster() as running:
        yield running


@pytest.fixture
def rig(cluster: MockCluster, topic: str, tmp_path: Path) -> Iterator[Rig]:
    cluster.create_topic(topic)
    with new_store(tmp_path, topic) as store:
        yield Rig(cluster, topic, store)


@pytest.mark.parametrize(("api", "faults"), FAULTS)
def test_a_fault_is_asked_over(
    rig: Rig, cluster: MockCluster, api: Api, faults: list[Fault]
) -> None:
    rig.send(20)
    cluster.answer(api, faults)
    agent = rig.agent(session_timeout_seconds=3)
    until(lambda: cluster.n_requests(api) > 0, agent.loop.turn)
    rig.send(20)
    agent.read(40)
    assert agent.next_offsets == {0: 40}
    assert agent.letters.stored == []
    agent.leave()
