"""A topic is known by its id: one that was deleted and recreated is not read as the old one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kafka import TopicPartition  # noqa: TID251 - what operators do
from kafka.admin import KafkaAdminClient  # noqa: TID251

from driftgauge.agent.errors import SourceUnavailable, TopicMissing, TopicRecreated
from driftgauge.agent.stream.consumer import ConsumerSettings, OffsetReset
from driftgauge.agent.stream.kafka import KafkaSource
from driftgauge.agent.stream.letter_box import open_letter_box
from driftgauge.agent.stream.topic import delete_topics

from ..broker import until
from ..contracts.test_source import joined, read
from ..kafka_server import KafkaServer
from .agent_rig import STREAM, Rig, new_store

pytestmark = pytest.mark.kafka


@pytest.fixture
def rig(apache_kafka: KafkaServer, topic: str, tmp_path: Path) -> Iterator[Rig]:
    apache_kafka.create_topic(topic)
    with new_store(tmp_path, topic) as store:
        yield Rig(apache_kafka, topic, store)


def remake(rig: Rig, n: int) -> None:
    """Delete the topic and make it anew with *n* events."""
    connection = rig.server.connection()
    delete_topics(connection, rig.topic)
    tick = threading.Event()
    until(lambda: rig.topic not in names(rig), lambda: tick.wait(0.05), turns=3_000)
    rig.server.create_topic(rig.topic)
    rig.send(n)


def names(rig: Rig) -> set[str]:
    with closing(KafkaAdminClient(**rig.server.connection().options())) as admin:
        return set(admin.list_topics())


def source(rig: Rig, reset: OffsetReset = "earliest") -> KafkaSource:
    settings = ConsumerSettings(auto_offset_reset=reset)
    return KafkaSource(
        rig.server.connection(), topic=rig.topic, group_id=rig.topic, settings=settings
    )


@pytest.mark.parametrize("n_anew", [2, 12], ids=["shorter", "filled beyond the old offset"])
def test_a_topic_made_anew_stops_the_agent_and_is_read_whole_when_accepted(
    rig: Rig, n_anew: int
) -> None:
    rig.send(5)
    agent = rig.agent()
    agent.read(5)
    agent.leave()
    remake(rig, n_anew)
    agent = rig.agent()
    with pytest.raises(TopicRecreated, match="was deleted and recreated") as stopped:
        until(lambda: False, agent.loop.turn)
    assert "--accept-new-topic" in str(stopped.value.hint)
    agent.leave()
    assert agent.n_counted == 5
    assert agent.next_offsets == {0: 5}
    agent = rig.agent("latest")
    topic_id = agent.source.topic_id()
    assert topic_id is not None
    assert rig.store.accept_topic(STREAM, rig.topic, topic_id) == 1
    agent.read(5 + n_anew)
    assert agent.next_offsets == {0: n_anew}
    agent.leave()


def test_a_topic_made_anew_while_it_is_read_stops_the_agent_too(rig: Rig) -> None:
    rig.send(5)
    agent = rig.agent()
    agent.read(5)
    remake(rig, 12)
    with pytest.raises(TopicRecreated, match="was deleted and recreated"):
        until(lambda: False, agent.loop.turn)
    agent.leave()
    assert agent.next_offsets == {0: 5}


def test_a_topic_that_goes_away_is_waited_for_and_said_to_be_gone(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("driftgauge.agent.stream.watched_topic._GONE_SECONDS", 0.5)
    reading = source(rig)
    joined(reading)
    delete_topics(rig.server.connection(), rig.topic)
    with pytest.raises(SourceUnavailable, match="does not exist any more"):
        until(lambda: False, lambda: reading.poll(0.05))
    reading.close()


def test_a_mistyped_topic_is_told_with_the_nearest_names_and_is_not_made(rig: Rig) -> None:
    meant = f"frames-of-{rig.topic}"
    rig.server.create_topic(meant)
    mistyped = meant.replace("frames", "frmaes")
    with pytest.raises(TopicMissing, match=f"'{mistyped}' does not exist at .* did you mean '"):
        KafkaSource(rig.server.connection(), topic=mistyped, group_id="g")
    with open_letter_box(rig.server.connection(), f"{mistyped}.dlq") as box:
        assert list(box.records()) == []
    assert names(rig).isdisjoint({mistyped, f"{mistyped}.dlq"})


def test_a_first_start_says_what_is_there_or_what_it_skips(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.send(7)
    with closing(KafkaAdminClient(**rig.server.connection().options())) as admin:
        admin.delete_records({TopicPartition(rig.topic, 0): 2})
    caplog.set_level(logging.INFO)
    earliest = source(rig)
    earliest.seek(dict.fromkeys(joined(earliest)))
    assert len(read(earliest, 5)) == 5
    earliest.close()
    assert "reading from the beginning, 5 messages are there already" in caplog.text
    latest = source(rig, "latest")
    latest.seek(dict.fromkeys(joined(latest)))
    latest.close()
    assert "5 earlier messages are skipped" in caplog.text
    assert "`driftgauge run --from beginning` counts them" in caplog.text
