"""The delivery promise against real deaths: both brokers, a database file, agents in processes.

``DRIFTGAUGE_CRASHES=100`` makes the long form of the first test.
"""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from driftgauge.agent.stream.consumer import ConsumerSettings
from driftgauge.agent.stream.kafka import KafkaSource
from driftgauge.agent.stream.produce import FrameProducer

from ..agent.events.test_decode import bomb
from ..agent.records import NOON, encoded, picture
from ..broker import BROKERS
from ..contracts.test_source import joined, read
from .rig import Rig, counted, made, send

pytestmark = pytest.mark.kafka

CRASHES = int(os.environ.get("DRIFTGAUGE_CRASHES", "5"))


@pytest.fixture(params=BROKERS)
def rig(request: pytest.FixtureRequest, topic: str, tmp_path: Path) -> Iterator[Rig]:
    with made(request.getfixturevalue(request.param), topic, tmp_path) as found:
        yield found


@pytest.mark.timeout(60 + 15 * CRASHES)
def test_agents_killed_in_mid_stream_lose_and_double_nothing(rig: Rig) -> None:
    """Each one is killed at a random moment while it reads a backlog that keeps growing."""
    sent = {0: 0, 1: 0}
    moments = random.Random(17)
    n_left_unread = 0
    with FrameProducer(rig.broker.connection(), rig.topic) as producer:
        for _ in range(CRASHES):
            send(producer, 400, sent)
            with rig.start() as agent:
                rig.wait_for_progress()
                threading.Event().wait(moments.uniform(0.0, 0.3))
                send(producer, 20, sent)
                agent.kill()
            n_left_unread += sum(sent.values()) - sum(rig.next_offsets().values())
        with rig.agent():
            rig.wait_until_read(sent)
    assert n_left_unread > 0  # else no kill was in mid-stream
    assert counted(rig) == {"*": sum(sent.values()), "camera=0": sent[0], "camera=1": sent[1]}


def test_a_term_signal_drains_flushes_and_leaves_cleanly(rig: Rig) -> None:
    sent = {0: 0, 1: 0}
    with FrameProducer(rig.broker.connection(), rig.topic) as producer:
        send(producer, 400, sent)
    with rig.start() as agent:
        rig.wait_for_progress()
        agent.terminate()
        assert agent.wait(30) == 0
    with rig.agent():
        rig.wait_until_read(sent)
    assert counted(rig)["*"] == 400


def test_an_agent_that_wakes_up_stale_writes_nothing_twice(rig: Rig) -> None:
    """It is frozen until the group gives its partitions to another, then goes on as if nothing."""
    sent = {0: 0, 1: 0}
    with FrameProducer(rig.broker.connection(), rig.topic) as producer, rig.agent() as first:
        send(producer, 300, sent)
        rig.wait_for_progress()
        first.send_signal(signal.SIGSTOP)
        send(producer, 300, sent)
        with rig.agent():
            rig.wait_for_progress()
            first.send_signal(signal.SIGCONT)
            send(producer, 300, sent)
            rig.wait_until_read(sent)
    assert counted(rig) == {"*": 900, "camera=0": sent[0], "camera=1": sent[1]}


def test_bad_input_lands_in_the_dead_letters_and_the_stream_goes_on(rig: Rig) -> None:
    bad = [b"", b"not a picture", encoded(picture(size=(320, 240)))[:-1500], bomb()]
    sent = {0: 0, 1: 0}
    with FrameProducer(rig.broker.connection(), rig.topic) as producer, rig.agent():
        for value in bad:
            producer.send(value, headers={"camera": "0"}, partition=0, event_time=NOON)
            sent[0] += 1
            send(producer, 10, sent)
        rig.wait_until_read(sent)
    assert counted(rig)["*"] == 40
    reasons = dead_letters(rig, len(bad))
    assert [words for _, words in reasons] == [
        "EventSchemaError",
        "EventDecodeError",
        "EventDecodeError",
        "EventDecodeError",
    ]
    messages = " | ".join(message for message, _ in reasons)
    for words in ("is empty", "is no picture", "truncated", "60.0 megapixels"):
        assert words in messages


def dead_letters(rig: Rig, n: int) -> list[tuple[str, str]]:
    letters = f"{rig.topic}.dlq"
    source = KafkaSource(
        rig.broker.connection(),
        topic=letters,
        group_id=letters,
        settings=ConsumerSettings(auto_offset_reset="earliest"),
    )
    source.seek(dict.fromkeys(joined(source)))
    found = [dict(record.headers) for record in read(source, n)]
    source.close()
    found.sort(key=lambda headers: int(headers["dlq_offset"]))
    return [(headers["dlq_message"].decode(), headers["dlq_error"].decode()) for headers in found]
