"""Every way to secure a connection, tried on a broker that insists on it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from driftgauge.agent.settings.load import load_settings
from driftgauge.agent.stream.connection import KafkaConnection
from driftgauge.agent.stream.consumer import ConsumerSettings
from driftgauge.agent.stream.dead_letter import KafkaDeadLetters
from driftgauge.agent.stream.kafka import KafkaSource
from driftgauge.agent.wiring.kafka import build_connection

from ..agent.records import record
from ..certificates import KEY_PASSWORD
from ..contracts.test_source import joined, read
from ..kafka_server import PASSWORD, USER, KafkaServer
from ..token_endpoint import CLIENT, SECRET, TokenEndpoint, token_endpoint

pytestmark = pytest.mark.kafka

SECURED = [
    ("SSL", None),
    ("SASL_PLAINTEXT", "PLAIN"),
    ("SASL_PLAINTEXT", "SCRAM-SHA-512"),
    ("SASL_SSL", "PLAIN"),
    ("SASL_SSL", "SCRAM-SHA-256"),
    ("SASL_SSL", "SCRAM-SHA-512"),
    ("SASL_SSL", "OAUTHBEARER"),
]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[TokenEndpoint]:
    with token_endpoint() as running:
        yield running


def secured(
    server: KafkaServer, protocol: str, mechanism: str | None, endpoint: TokenEndpoint | None = None
) -> KafkaConnection:
    """Return what the listener asks for, by way of the settings; SSL wants a client's certificate."""
    certificates = server.certificates
    lines = [
        "[stream]\nname = 's'\ntopic = 's'\n[model]\nsource = 'timm:resnet18'\n[kafka]",
        f"bootstrap_servers = '127.0.0.1:{server.ports[protocol]}'",
        f"security_protocol = '{protocol}'",
        f"ca_file = '{certificates.ca_file}'",
    ]
    if mechanism is None:
        lines.append(f"certificate_file = '{certificates.client_file}'")
        lines.append(f"key_file = '{certificates.client_key_file}'")
        lines.append(f"key_password = '{KEY_PASSWORD}'")
    else:
        lines.append(f"sasl_mechanism = '{mechanism}'")
        lines.append(f"username = '{USER}'\npassword = '{PASSWORD}'")
    if endpoint is not None:
        lines.append(f"oauth_token_url = '{endpoint.url}'\noauth_scope = 'kafka'")
        lines.append(f"oauth_client_id = '{CLIENT}'\noauth_client_secret = '{SECRET}'")
    path = Path(server.folder) / "driftgauge.toml"
    path.write_text("\n".join(lines))
    return build_connection(load_settings(path))


@pytest.mark.parametrize(("protocol", "mechanism"), SECURED)
def test_letters_are_sent_and_read_over_a_secured_connection(
    apache_kafka: KafkaServer,
    endpoint: TokenEndpoint,
    topic: str,
    protocol: str,
    mechanism: str | None,
) -> None:
    connection = secured(apache_kafka, protocol, mechanism, endpoint)
    letters = KafkaDeadLetters(connection, topic=topic)
    letters.send(record(b"no picture"), error="EventDecodeError", message="no")
    letters.flush(10)
    letters.close()
    earliest = ConsumerSettings(auto_offset_reset="earliest")
    source = KafkaSource(connection, topic=topic, group_id=topic, settings=earliest)
    source.seek(dict.fromkeys(joined(source)))
    assert [letter.value for letter in read(source, 1)] == [b"no picture"]
    source.close()


@pytest.mark.slow
def test_a_session_outlives_its_token(
    apache_kafka: KafkaServer, endpoint: TokenEndpoint, topic: str
) -> None:
    """The broker ends a session with its token: here after 8 seconds, while it reads for 20."""
    with token_endpoint() as short:
        short.lifetime_seconds = 8
        connection = secured(apache_kafka, "SASL_SSL", "OAUTHBEARER", short)
        apache_kafka.create_topic(topic)
        with closing(KafkaSource(connection, topic=topic, group_id=topic)) as source:
            source.seek(dict.fromkeys(joined(source)))
            asked, start = len(short.asked), time.monotonic()
            changed_at: list[float] = []
            while (elapsed := time.monotonic() - start) < 20:
                if source.poll(0.2).assignment_changed:
                    changed_at.append(elapsed)
            assert all(at < 3 for at in changed_at), changed_at  # joining may change it twice
            assert len(short.asked) > asked + 1


REFUSED = """
import json, sys
from driftgauge.agent.errors import SourceUnavailable
from driftgauge.agent.stream.connection import KafkaConnection
from driftgauge.agent.stream.kafka import KafkaSource
from driftgauge.agent.stream.oauth import OAuthClient

for line in sys.stdin:
    try:
        given = json.loads(line)
        oauth = given.pop("oauth")
        given["oauth"] = OAuthClient(**oauth | {"extensions": ()}) if oauth else None
        KafkaSource(KafkaConnection(**given), topic="frames", group_id="g")
    except SourceUnavailable as error:
        print(error, flush=True)
"""


def refusals(*connections: KafkaConnection, seconds: float = 5.0) -> list[str]:
    """Return what each attempt ends with; in one process of its own, since it leaks sockets."""
    quick = [replace(connection, bootstrap_timeout_seconds=seconds) for connection in connections]
    lines = "".join(json.dumps(asdict(connection)) + "\n" for connection in quick)
    ended = subprocess.run(
        [sys.executable, "-c", REFUSED], input=lines, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    said = ended.stdout.splitlines()
    assert len(said) == len(connections), ended.stdout
    return said


def test_a_refused_connection_names_the_cause(
    apache_kafka: KafkaServer, endpoint: TokenEndpoint
) -> None:
    server = apache_kafka
    tls = secured(server, "SSL", None)
    login = secured(server, "SASL_SSL", "SCRAM-SHA-512")
    plain = secured(server, "SASL_PLAINTEXT", "PLAIN")
    token = secured(server, "SASL_SSL", "OAUTHBEARER", endpoint)
    assert token.oauth is not None
    stranger = str(server.certificates.stranger_file)
    nowhere = replace(token.oauth, token_url="http://127.0.0.1:1/token")
    cases = {
        "is not signed by an authority in ca_file": replace(tls, ca_file=stranger),
        "requires a certificate of this agent": replace(tls, certificate_file=None, key_file=None),
        "key_password does not open key_file": replace(tls, key_password="guess"),
        "the user name or the password is wrong": replace(login, password="guess"),
        "does not offer this sasl_mechanism": replace(login, sasl_mechanism="GSSAPI"),
        "does not speak TLS": replace(server.connection(), security_protocol="SSL"),
        "expects TLS": replace(tls, security_protocol="PLAINTEXT"),
        "does not use SASL login": replace(
            plain, bootstrap_servers=server.connection().bootstrap_servers
        ),
        "ca_file, certificate_file or key_file": replace(login, ca_file="/nowhere.pem"),
        "HTTP 401, invalid_client, not you": replace(
            token, oauth=replace(token.oauth, client_secret="guess")
        ),
        "the token endpoint returned no token": replace(token, oauth=nowhere),
    }
    for said, words in zip(refusals(*cases.values()), cases, strict=True):
        assert said.startswith("cannot read frames at 127.0.0.1:")
        assert words in said
        assert not any(secret in said for secret in ("guess", PASSWORD, SECRET))


def test_a_token_for_another_audience_is_refused_with_the_cause(apache_kafka: KafkaServer) -> None:
    with token_endpoint() as other:
        other.audience = "billing"
        (said,) = refusals(secured(apache_kafka, "SASL_SSL", "OAUTHBEARER", other))
    assert "the broker does not accept the token" in said


def test_a_refusal_is_told_long_before_the_time_is_over(apache_kafka: KafkaServer) -> None:
    login = replace(
        secured(apache_kafka, "SASL_SSL", "SCRAM-SHA-512"), bootstrap_timeout_seconds=3600
    )
    (said,) = refusals(replace(login, password="guess"), seconds=3600)  # pytest gives it 600
    assert "the user name or the password is wrong" in said
