"""A cluster that cannot be reached: one line with the address and the cause, in good time."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from driftgauge.agent.errors import SourceUnavailable
from driftgauge.agent.stream.dead_letter import KafkaDeadLetters

from ..kafka_server import DOCKER_ADDRESS, KafkaServer

pytestmark = pytest.mark.kafka

READ = """
import sys
from driftgauge.agent.errors import SourceUnavailable
from driftgauge.agent.log import configure_logging
from driftgauge.agent.stream.connection import KafkaConnection
from driftgauge.agent.stream.kafka import KafkaSource
configure_logging("info", "text")
server, protocol, seconds = sys.argv[1:]
reach = KafkaConnection(
    bootstrap_servers=(server,), security_protocol=protocol, bootstrap_timeout_seconds=float(seconds)
)
try:
    KafkaSource(reach, topic="frames", group_id="g")
except SourceUnavailable as error:
    print(error)
"""


def words(server: str, protocol: str = "PLAINTEXT", seconds: float = 2) -> tuple[str, str]:
    """Return what is raised and what is logged, by a process that does not hang."""
    ended = subprocess.run(
        [sys.executable, "-c", READ, server, protocol, str(seconds)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return ended.stdout, ended.stderr


@pytest.mark.parametrize(
    ("server", "cause"),
    [
        ("127.0.0.1:1", "connection refused, nothing listens at this address"),
        ("no-such-host.invalid:9092", "the host name cannot be resolved (DNS)"),
    ],
    ids=["refused", "no such name"],
)
def test_nobody_there_is_one_line_with_address_and_cause(server: str, cause: str) -> None:
    said, logged = words(server)
    assert said.startswith(f"cannot read frames at {server} over PLAINTEXT: {cause}")
    assert said.count("\n") == 1
    assert logged == ""


@pytest.mark.parametrize("listener", ["IN_DOCKER", "BEHIND_PROXY"])
def test_an_advertised_address_that_does_not_work_here_is_named(
    apache_kafka: KafkaServer, listener: str
) -> None:
    """The broker answers, and sends its clients on to where they cannot go."""
    proxied = f"127.0.0.1:{apache_kafka.ports['PROXY']}"
    advertised = {"IN_DOCKER": DOCKER_ADDRESS, "BEHIND_PROXY": proxied}[listener]
    cause = {"IN_DOCKER": "cannot be resolved", "BEHIND_PROXY": "connection refused"}[listener]
    server = f"127.0.0.1:{apache_kafka.ports[listener]}"
    said, logged = words(server)
    assert f"the broker at {server} answers, but its advertised.listeners redirect" in said
    assert f"clients to {advertised}, which fails from here: " in said
    assert cause in said
    assert logged == ""


def test_letters_say_the_same(apache_kafka: KafkaServer) -> None:
    reach = replace(apache_kafka.connection("IN_DOCKER"), bootstrap_timeout_seconds=2)
    with pytest.raises(SourceUnavailable, match=rf"advertised.listeners .*{DOCKER_ADDRESS}"):
        KafkaDeadLetters(reach, topic="letters")


def test_reading_and_leaving_log_nothing_of_the_clients(
    apache_kafka: KafkaServer, topic: str, capfd: pytest.CaptureFixture[str]
) -> None:
    apache_kafka.create_topic(topic)
    script = (
        "import sys, threading\n"
        "from driftgauge.agent.log import configure_logging\n"
        "from driftgauge.agent.stream.connection import KafkaConnection\n"
        "from driftgauge.agent.stream.kafka import KafkaSource\n"
        "configure_logging('warning', 'text')\n"
        "reach = KafkaConnection(bootstrap_servers=(sys.argv[1],))\n"
        "source = KafkaSource(reach, topic=sys.argv[2], group_id='g')\n"
        "source._consumer._client._net.call_soon_threadsafe(lambda: threading.Event().wait(1.5))\n"
        "for _ in range(20): source.poll(0.1)\n"
        "source.close()\n"
    )
    server = apache_kafka.connection().bootstrap_servers[0]
    done = subprocess.run(
        [sys.executable, "-c", script, server, topic], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
