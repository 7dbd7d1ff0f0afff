"""What producers compress with is read; what cannot be decompressed here is never lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from kafka import KafkaProducer, codec  # noqa: TID251 - a producer that compresses

from driftgauge.agent.errors import SourceBroken
from driftgauge.agent.stream.cluster_view import newest_records
from driftgauge.agent.stream.letter_box import open_letter_box

from ..agent.records import NOON, jpeg
from ..broker import until
from ..kafka_server import KafkaServer
from .agent_rig import Rig, new_store

pytestmark = pytest.mark.kafka

CODECS = ["gzip", "snappy", "lz4", "zstd"]
MIB = 1024 * 1024


@pytest.fixture
def rig(apache_kafka: KafkaServer, topic: str, tmp_path: Path) -> Iterator[Rig]:
    apache_kafka.create_topic(topic)
    with new_store(tmp_path, topic) as store:
        yield Rig(apache_kafka, topic, store)


def send(rig: Rig, *values: bytes, compression: str | None) -> None:
    """Send *values* in one batch."""
    options = rig.server.connection().producer_options()
    options |= {"compression_type": compression, "linger_ms": 100, "batch_size": 64 * MIB}
    producer = KafkaProducer(**options, max_request_size=64 * MIB)
    for value in values:
        producer.send(rig.topic, value, timestamp_ms=round(NOON.timestamp() * 1000))
    producer.close()


@pytest.mark.parametrize("compression", CODECS)
def test_every_event_of_a_compressed_topic_is_counted(rig: Rig, compression: str) -> None:
    send(rig, *[jpeg()] * 30, compression=compression)
    agent = rig.agent()
    agent.read(30)
    agent.leave()
    assert agent.next_offsets == {0: 30}
    assert agent.letters.stored == []


@pytest.mark.parametrize(
    ("compression", "package"), [("snappy", "python-snappy"), ("lz4", "lz4"), ("zstd", "zstandard")]
)
def test_a_codec_that_is_not_installed_stops_the_agent_and_moves_no_offset(
    rig: Rig, compression: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.send(3)
    send(rig, *[jpeg()] * 5, compression=compression)
    with monkeypatch.context() as missing:
        missing.setattr(codec, f"has_{compression}", lambda: False)
        agent = rig.agent()
        with pytest.raises(SourceBroken, match=f"the package {package} is not installed"):
            until(lambda: False, agent.loop.turn)
        agent.leave()
    assert agent.letters.stored == []
    assert agent.next_offsets.get(0, 0) <= 3
    agent = rig.agent()
    agent.read(8)
    agent.leave()


def test_a_batch_that_unpacks_to_too_much_leaves_a_letter_and_the_rest_counts(rig: Rig) -> None:
    send(rig, *[jpeg()] * 3, compression="gzip")
    send(rig, *[bytes(10 * MIB)] * 2, compression="gzip")
    send(rig, *[jpeg()] * 4, compression="gzip")
    agent = rig.agent(connection=replace(rig.server.connection(), max_batch_bytes=8 * MIB))
    agent.read(7)
    agent.leave()
    assert agent.next_offsets == {0: 9}
    (letter,) = agent.letters.stored
    message = dict(letter.headers)["dlq_message"].decode()
    assert message.startswith(f"offsets 3 to 4 of {rig.topic}/0 cannot be read")
    assert "decompresses to more than kafka.max_batch_bytes = 8388608" in message


def test_dead_letters_whose_codec_is_not_installed_are_not_called_missing(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(rig, bytes(1_000), compression="zstd")
    monkeypatch.setattr(codec, "has_zstd", lambda: False)
    with (
        pytest.raises(SourceBroken, match="the package zstandard is not installed"),
        open_letter_box(rig.server.connection(), rig.topic) as box,
    ):
        list(box.records())


def test_a_look_at_the_newest_messages_names_the_missing_codec(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(rig, bytes(1_000), compression="lz4")
    assert len(newest_records(rig.server.connection(), rig.topic, 3)) == 1
    monkeypatch.setattr(codec, "has_lz4", lambda: False)
    with pytest.raises(SourceBroken, match="the package lz4 is not installed"):
        newest_records(rig.server.connection(), rig.topic, 3)
