from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from driftgauge.agent.demo.broker import BrokerBinary, EmbeddedBroker
from driftgauge.agent.errors import BrokerNotStarted
from driftgauge.agent.stream.topic import delete_topics, ensure_topics

from ..broker import until

pytestmark = pytest.mark.kafka

OWNER = """
import sys, pathlib
from driftgauge.agent.demo.broker import EmbeddedBroker
broker = EmbeddedBroker(pathlib.Path(sys.argv[1])).start()
print(broker._process.pid, flush=True)
sys.stdin.read()
"""


def listening_addresses(pid: int) -> set[str]:
    """Return the local addresses on which a process listens, in the kernel's writing."""
    sockets = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            sockets.add(link.readlink().name)
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if state == "0A" and f"socket:[{rest[5]}]" in sockets:
                found.add(local.split(":")[0])
    return found


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads Linux's list of sockets")
def test_the_broker_listens_on_loopback_only(broker: EmbeddedBroker) -> None:
    assert broker._process is not None
    assert listening_addresses(broker._process.pid) == {"0100007F"}


def test_a_topic_is_made_once_and_deleted(broker: EmbeddedBroker, topic: str) -> None:
    ensure_topics(broker.connection(), {topic: 3})
    ensure_topics(broker.connection(), {topic: 3})
    delete_topics(broker.connection(), topic)


def test_the_broker_ends_with_its_owner_however_that_ends(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        os.kill(pid, 0)
        owner.send_signal(signal.SIGKILL)
    until(lambda: not is_running(pid), os.sched_yield, turns=1_000_000)


def is_running(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_broker_that_ends_at_once_says_its_last_words(tmp_path: Path) -> None:
    script = tmp_path / "broken"
    script.write_text("#!/bin/sh\necho no room left\nexit 3\n")
    script.chmod(0o755)
    binary = BrokerBinary(script, lambda address: [address])
    with pytest.raises(
        BrokerNotStarted, match="it ended immediately; its last lines: no room left"
    ):
        EmbeddedBroker(tmp_path, binary=binary).start()


def test_a_silent_broker_is_ended(tmp_path: Path) -> None:
    binary = BrokerBinary(Path("/bin/sleep"), lambda address: ["60"])
    with pytest.raises(BrokerNotStarted, match=r"no answer within 0.2 s"):
        EmbeddedBroker(tmp_path, binary=binary, start_timeout_seconds=0.2).start()


NOBODY = """
from driftgauge.agent.errors import SourceUnavailable
from driftgauge.agent.stream.connection import KafkaConnection
from driftgauge.agent.stream.kafka import KafkaSource
nowhere = KafkaConnection(bootstrap_servers=("127.0.0.1:1",), bootstrap_timeout_seconds=1)
try:
    KafkaSource(nowhere, topic="frames", group_id="g")
except SourceUnavailable as error:
    print(error)
"""


def test_a_broker_out_of_reach_is_named_with_the_cause() -> None:
    """In a process of its own: kafka-python leaves refused sockets open, which is a warning."""
    heard = subprocess.run(
        [sys.executable, "-c", NOBODY], capture_output=True, text=True, check=True
    ).stdout
    assert heard == (
        "cannot read frames at 127.0.0.1:1 over PLAINTEXT: connection refused, nothing listens at this address "
        "(111 ECONNREFUSED)\n"
    )


GONE = """
import pathlib, sys
from driftgauge.agent.errors import SourceUnavailable
from driftgauge.agent.ports import Record
from driftgauge.agent.stream.consumer import ConsumerSettings
from driftgauge.agent.stream.dead_letter import KafkaDeadLetters
from driftgauge.agent.demo.broker import EmbeddedBroker
from driftgauge.agent.stream.kafka import KafkaSource

with EmbeddedBroker(pathlib.Path(sys.argv[1])) as broker:
    broker.create_topic("frames")
    once = ConsumerSettings(**broker.consumer_settings, call_timeout_seconds=1)
    source = KafkaSource(broker.connection(), topic="frames", group_id="g", settings=once)
    while not source.assignment():
        source.poll(0.05)
    letters = KafkaDeadLetters(broker.connection(), topic="dlq", flush_timeout_seconds=1)
print(sum(len(source.poll(0.05).records) for _ in range(20)))
letters.send(Record("frames", 0, 7, None, b"x", (), 0), error="EventDecodeError", message="no")
try:
    letters.flush(1)
except SourceUnavailable as error:
    print(error)
source.close()
try:
    letters.close()
except SourceUnavailable as error:
    print("closed")
"""


def test_a_broker_that_goes_away_is_waited_for_and_letters_are_kept(tmp_path: Path) -> None:
    """In a process of its own, for the same reason."""
    lines = subprocess.run(
        [sys.executable, "-c", GONE, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    ).stdout.splitlines()
    assert lines[0] == "0"
    assert lines[1].startswith("1 dead letters are not stored in dlq: ")
    assert lines[2] == "closed"
