"""A consumer group is read for one database and one stream; others are refused and told what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kafka import TopicPartition  # noqa: TID251 - what operators do
from kafka.admin import KafkaAdminClient  # noqa: TID251

from driftgauge.agent.errors import GroupTaken

from ..broker import until
from ..kafka_server import KafkaServer
from .agent_rig import STREAM, Agent, Rig, new_store

pytestmark = pytest.mark.kafka


@pytest.fixture
def rig(apache_kafka: KafkaServer, topic: str, tmp_path: Path) -> Iterator[Rig]:
    apache_kafka.create_topic(topic)
    with new_store(tmp_path / "first", topic) as store:
        yield Rig(apache_kafka, topic, store)


@pytest.fixture
def other(rig: Rig, tmp_path: Path) -> Iterator[Rig]:
    """Give the same topic with another database."""
    with new_store(tmp_path / "other", rig.topic) as store:
        yield Rig(rig.server, rig.topic, store)


def counted(rig: Rig, n: int) -> Agent:
    agent = rig.agent()
    rig.send(n)
    agent.read(n)
    until(lambda: is_told(rig), agent.loop.turn, turns=3_000)
    return agent


def is_told(rig: Rig) -> bool:
    with closing(KafkaAdminClient(**rig.server.connection().options())) as admin:
        told = admin.list_group_offsets([rig.topic])[rig.topic]
        place = told.get(TopicPartition(rig.topic, 0))
        return place is not None and STREAM in (place.metadata or "")


def test_a_second_database_on_the_group_is_refused_before_it_counts(rig: Rig, other: Rig) -> None:
    first = counted(rig, 5)
    second = other.agent()

    def turn() -> None:
        first.loop.turn()
        second.loop.turn()

    with pytest.raises(GroupTaken, match="for another database") as told:
        until(lambda: False, turn, turns=3_000)
    assert "kafka-consumer-groups.sh --delete --group" in told.value.hint
    second.source.close()
    rig.send(3)
    first.read(8)
    assert second.n_counted == 0
    first.leave()


def test_a_second_stream_on_the_group_is_refused(rig: Rig) -> None:
    counted(rig, 4).leave()
    rig.store.ensure_stream("other-line", rig.topic, 60)
    second = rig.agent(stream="other-line")
    with pytest.raises(GroupTaken, match=f"for stream '{STREAM}' of this database") as told:
        until(lambda: False, second.loop.turn, turns=3_000)
    assert "leave [kafka] group_id empty" in told.value.hint
    second.source.close()


def test_a_database_that_was_restored_reads_on(rig: Rig, tmp_path: Path) -> None:
    first = counted(rig, 4)
    copy = tmp_path / "restored"
    copy.mkdir()
    rig.store.upkeep.backup(copy / "driftgauge.db")
    rig.send(3)
    first.read(7)
    first.leave()
    with new_store(copy, rig.topic) as store:
        restored = Rig(rig.server, rig.topic, store).agent()
        restored.read(7)
        restored.leave()
