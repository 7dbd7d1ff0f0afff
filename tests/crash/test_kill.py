"""The delivery promise against real deaths: both brokers, both databases, agents in processes.

``make test-crash`` sets ``DRIFTGAUGE_CRASHES=100`` for the long form.
"""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from driftgauge.agent.demo.produce import FrameProducer
from driftgauge.agent.loop.sampling import SamplingSettings
from driftgauge.agent.stream.kafka import KafkaSource
from driftgauge.storage import DetectorRecord

from ..agent.events.test_decode import bomb
from ..agent.records import NOON, encoded, picture
from ..broker import consumer_settings
from ..contracts.test_source import joined, read
from .agent import STREAM, AgentProcess
from .ledger import Ledger
from .rig import Rig, made

pytestmark = pytest.mark.kafka

CRASHES = int(os.environ.get("DRIFTGAUGE_CRASHES", "4"))
IS_LONG = CRASHES > 10
PAIRS = [("broker", "sqlite"), ("apache_kafka", "postgresql")]
OTHER_PAIRS = [("broker", "postgresql"), ("apache_kafka", "sqlite")]


def pairs(*chosen: tuple[str, str]) -> list[object]:
    marks = {"sqlite": (), "postgresql": (pytest.mark.postgres,)}
    return [pytest.param(pair, id="-".join(pair), marks=marks[pair[1]]) for pair in chosen]


@pytest.fixture(params=pairs(*PAIRS, *(OTHER_PAIRS if IS_LONG else [])))
def rig(request: pytest.FixtureRequest, topic: str, tmp_path: Path) -> Iterator[Rig]:
    broker, database = request.param
    url = request.getfixturevalue("postgres_url") if database == "postgresql" else None
    with made(request.getfixturevalue(broker), topic, tmp_path, url) as found:
        yield found


@pytest.mark.timeout(300 + 20 * CRASHES)
def test_agents_killed_in_mid_stream_lose_and_double_nothing(rig: Rig) -> None:
    """Each one is killed at a random moment while it reads a backlog that keeps growing."""
    sent, moments, n_left_unread = Ledger(), random.Random(17), 0
    with FrameProducer(rig.broker.connection(), rig.topic) as producer:
        for _ in range(CRASHES):
            sent.send(producer, 400)
            agent = rig.start()
            rig.wait_for_progress(sent)
            threading.Event().wait(moments.uniform(0.0, 0.3))
            agent.send_signal(signal.SIGSTOP)  # its last moment: what comes now is left unread
            sent.send(producer, 20)
            agent.kill()
            n_left_unread += sent.n - sum(rig.next_offsets().values())
        with rig.agent():
            rig.wait_until_read(sent)
    assert n_left_unread > 0  # else no kill was in mid-stream
    rig.check(sent)


@pytest.mark.timeout(300 + 20 * CRASHES)
def test_agents_killed_while_they_sample_account_for_each_record_once(rig: Rig) -> None:
    """A record is scored or left out, never both and never neither, whatever the next agent's rate."""
    rig.sampling = SamplingSettings(above_lag_seconds=0.5, one_in_at_most=4)
    sent, moments = Ledger(), random.Random(29)
    with FrameProducer(rig.broker.connection(), rig.topic) as producer:
        for _ in range(max(2, CRASHES // 2)):
            sent.send(producer, 400)
            agent = rig.start()
            rig.wait_for_progress(sent)
            threading.Event().wait(moments.uniform(0.0, 0.3))
            agent.kill()
        with rig.agent():
            rig.wait_until_read(sent)
    scored = rig.store.event_counts(STREAM)["*"]
    left_out = sum(row.sampled_out for row in rig.store.partitions(STREAM))
    n_stood_for = sum(row.represented for row in rig.store.rates(STREAM) if row.segment == "*")
    assert scored + left_out == sent.n
    assert left_out > 0  # else nothing was sampled
    assert scored > 0
    # Each scored one stands for n with a chance of 1/n: the sum is unbiased, within 4 sigma of sent.
    assert abs(n_stood_for - sent.n) < 4 * (3 * sent.n) ** 0.5


@pytest.mark.timeout(300 + 20 * CRASHES)
def test_two_agents_of_which_one_dies_again_and_again_lose_and_double_nothing(rig: Rig) -> None:
    """The group shares out, loses a member at a random moment, and takes a new one in."""
    sent, moments = Ledger(), random.Random(23)
    with ExitStack() as stack, FrameProducer(rig.broker.connection(), rig.topic) as producer:
        agents = [rig.start(), rig.start()]
        stack.callback(end_all, agents)
        for _ in range(max(2, CRASHES // 2)):
            sent.send(producer, 300)
            rig.wait_for_progress(sent)
            threading.Event().wait(moments.uniform(0.0, 0.3))
            agents.pop(moments.randrange(2)).kill()
            sent.send(producer, 100)
            agents.append(rig.start())
        rig.wait_until_read(sent)
    rig.check(sent)


@pytest.mark.timeout(300 + 20 * CRASHES)
def test_two_agents_killed_while_they_change_detectors_lose_and_double_nothing(rig: Rig) -> None:
    """Promotions and rollbacks in mid-stream; one of two agents dies in the middle of each change."""
    rig.follows = True
    for name, status in (("brightness-1", "active"), ("brightness-2", "candidate")):
        record = DetectorRecord(name, STREAM, f"file:{name}", NOON, "candidate", {})
        rig.store.register_detector(replace(record, status=status))  # type: ignore[arg-type]  # one of them
    sent, moments = Ledger(), random.Random(31)
    with ExitStack() as stack, FrameProducer(rig.broker.connection(), rig.topic) as producer:
        agents = [rig.start(), rig.start()]
        stack.callback(end_all, agents)
        for turn in range(max(2, CRASHES // 2)):
            sent.send(producer, 300)
            rig.wait_for_progress(sent)
            if turn % 2:
                rig.store.versions.rollback(STREAM, by="test")
            else:
                rig.store.versions.promote(STREAM, "brightness-2", by="test")
            threading.Event().wait(moments.uniform(0.0, 0.4))
            agents.pop(moments.randrange(2)).kill()
            sent.send(producer, 100)
            agents.append(rig.start())
        rig.wait_until_read(sent)
    rig.check(sent)
    counted_by = {row.detector for row in rig.store.rates(STREAM, period="window", segment="*")}
    assert counted_by == {"brightness-1", "brightness-2"}
    assert "scores from the next batch on" in rig.words  # else nobody changed while it ran


def end_all(agents: list[AgentProcess]) -> None:
    for agent in agents:
        end(agent)


def end(agent: AgentProcess) -> None:
    assert agent.terminate() == 0


def test_a_term_signal_drains_flushes_and_leaves_cleanly(rig: Rig) -> None:
    sent = Ledger()
    with FrameProducer(rig.broker.connection(), rig.topic) as producer:
        sent.send(producer, 400)
    agent = rig.start()
    rig.wait_for_progress(sent)
    end(agent)
    with rig.agent():
        rig.wait_until_read(sent)
    rig.check(sent)


def test_an_agent_that_wakes_up_stale_writes_nothing_twice(rig: Rig) -> None:
    """It is frozen until the group gives its partitions to another, then goes on as if nothing."""
    sent = Ledger()
    with FrameProducer(rig.broker.connection(), rig.topic) as producer, rig.agent() as first:
        sent.send(producer, 300)
        rig.wait_for_progress(sent)
        first.send_signal(signal.SIGSTOP)
        sent.send(producer, 300)
        with rig.agent():
            rig.wait_for_progress(sent)
            first.send_signal(signal.SIGCONT)
            sent.send(producer, 300)
            rig.wait_until_read(sent)
    rig.check(sent)


def test_bad_input_lands_in_the_dead_letters_and_the_stream_goes_on(rig: Rig) -> None:
    bad = [b"", b"not a picture", encoded(picture(size=(320, 240)))[:-1500], bomb()]
    sent = Ledger()
    with FrameProducer(rig.broker.connection(), rig.topic) as producer, rig.agent():
        for value in bad:
            producer.send(value, headers={"camera": "0"}, partition=0, event_time=NOON)
            sent.offsets[0] += 1
            sent.send(producer, 10)
        rig.wait_until_read(sent)
    rig.check(sent)
    reasons = dead_letters(rig, len(bad))
    assert [words for _, words in reasons] == [
        "EventSchemaError",
        "EventDecodeError",
        "EventDecodeError",
        "EventDecodeError",
    ]
    messages = " | ".join(message for message, _ in reasons)
    for words in ("is empty", "is not a picture", "truncated", "60.0 megapixels"):
        assert words in messages


def dead_letters(rig: Rig, n: int) -> list[tuple[str, str]]:
    letters = f"{rig.topic}.dlq"
    source = KafkaSource(
        rig.broker.connection(),
        topic=letters,
        group_id=letters,
        settings=consumer_settings(rig.broker),
    )
    source.seek(dict.fromkeys(joined(source)))
    found = [dict(record.headers) for record in read(source, n)]
    source.close()
    found.sort(key=lambda headers: int(headers["dlq_offset"]))
    return [(headers["dlq_message"].decode(), headers["dlq_error"].decode()) for headers in found]
