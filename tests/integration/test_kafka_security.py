"""Every way to secure a connection, tried on a broker that insists on it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, replace

import pytest

from driftgauge.agent.stream.connection import KafkaConnection
from driftgauge.agent.stream.consumer import ConsumerSettings
from driftgauge.agent.stream.dead_letter import KafkaDeadLetters
from driftgauge.agent.stream.kafka import KafkaSource

from ..agent.records import record
from ..contracts.test_source import joined, read
from ..kafka_server import PASSWORD, USER, KafkaServer

pytestmark = pytest.mark.kafka

SECURED = [
    ("SSL", None),
    ("SASL_PLAINTEXT", "PLAIN"),
    ("SASL_PLAINTEXT", "SCRAM-SHA-512"),
    ("SASL_SSL", "PLAIN"),
    ("SASL_SSL", "SCRAM-SHA-256"),
    ("SASL_SSL", "SCRAM-SHA-512"),
]


def secured(server: KafkaServer, protocol: str, mechanism: str | None) -> KafkaConnection:
    """Return what the listener asks for: that of SSL wants a client's certificate, too."""
    certificates = server.certificates
    login = {"sasl_mechanism": mechanism, "username": USER, "password": PASSWORD}
    own = {
        "certificate_file": str(certificates.client_file),
        "key_file": str(certificates.client_key_file),
    }
    return server.connection(
        protocol, ca_file=str(certificates.ca_file), **(login if mechanism else own)
    )


@pytest.mark.parametrize(("protocol", "mechanism"), SECURED)
def test_letters_are_sent_and_read_over_a_secured_connection(
    apache_kafka: KafkaServer, topic: str, protocol: str, mechanism: str | None
) -> None:
    connection = secured(apache_kafka, protocol, mechanism)
    letters = KafkaDeadLetters(connection, topic=topic)
    letters.send(record(b"no picture"), error="EventDecodeError", message="no")
    letters.flush(10)
    letters.close()
    earliest = ConsumerSettings(auto_offset_reset="earliest")
    source = KafkaSource(connection, topic=topic, group_id=topic, settings=earliest)
    source.seek(dict.fromkeys(joined(source)))
    assert [letter.value for letter in read(source, 1)] == [b"no picture"]
    source.close()


REFUSED = """
import json, sys
from driftgauge.agent.errors import SourceUnavailable
from driftgauge.agent.stream.connection import KafkaConnection
from driftgauge.agent.stream.kafka import KafkaSource

for line in sys.stdin:
    try:
        KafkaSource(KafkaConnection(**json.loads(line)), topic="frames", group_id="g")
    except SourceUnavailable as error:
        print(error, flush=True)
"""


def refusals(*connections: KafkaConnection) -> list[str]:
    """Return what each attempt ends with; in one process of its own, since it leaks sockets."""
    quick = [replace(connection, bootstrap_timeout_seconds=1.5) for connection in connections]
    lines = "".join(json.dumps(asdict(connection)) + "\n" for connection in quick)
    ended = subprocess.run(
        [sys.executable, "-c", REFUSED], input=lines, capture_output=True, text=True, check=True
    )
    said = ended.stdout.splitlines()
    assert len(said) == len(connections), ended.stdout
    return said


def test_a_refused_connection_names_the_cause(apache_kafka: KafkaServer) -> None:
    server = apache_kafka
    tls = secured(server, "SSL", None)
    login = secured(server, "SASL_SSL", "SCRAM-SHA-512")
    plain = secured(server, "SASL_PLAINTEXT", "PLAIN")
    stranger = str(server.certificates.stranger_file)
    cases = {
        "is not signed by an authority in ca_file": replace(tls, ca_file=stranger),
        "wants a certificate of this agent": replace(tls, certificate_file=None, key_file=None),
        "the user name or the password is wrong": replace(login, password="guess"),
        "does not offer this sasl_mechanism": replace(login, sasl_mechanism="GSSAPI"),
        "does not speak TLS": replace(server.connection(), security_protocol="SSL"),
        "expects TLS": replace(tls, security_protocol="PLAINTEXT"),
        "asks for no login": replace(
            plain, bootstrap_servers=server.connection().bootstrap_servers
        ),
        "ca_file, certificate_file or key_file": replace(login, ca_file="/nowhere.pem"),
    }
    for said, words in zip(refusals(*cases.values()), cases, strict=True):
        assert said.startswith("cannot read frames at 127.0.0.1:")
        assert words in said
        assert "guess" not in said
