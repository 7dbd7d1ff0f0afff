"""A real Apache Kafka for tests: one node that is broker and controller, on loopback only.

Its jars are those of ``$KAFKA_HOME/libs``, else Maven copies them once to ``~/.cache/driftgauge``.
"""

from __future__ import annotations

import base64
import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest

from driftgauge.agent.process.child import dying_with
from driftgauge.agent.stream.connection import KafkaConnection
from driftgauge.agent.stream.topic import ensure_topics

from .certificates import Certificates, certify
from .ports import free_ports
from .token_endpoint import signing_keys

POM = Path(__file__).with_name("kafka.pom.xml")
START_SECONDS = 60
LISTENERS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_PORTS = (*LISTENERS, "BEHIND_PROXY", "IN_DOCKER", "CONTROLLER", "PROXY")
DOCKER_ADDRESS = "kafka-in-docker:9092"
USER, PASSWORD = "agent", "correct horse"
_JAVA = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.level=WARN")
_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_OAUTH = "org.apache.kafka.common.security.oauthbearer"


@pytest.fixture(scope="session")
def apache_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """Give a running server; skip without Java or its jars unless services are required."""
    java = shutil.which("java")
    if java is None:
        _go_without("install a Java runtime, 17 or newer (Debian's default-jre-headless)")
    folder = tmp_path_factory.mktemp("kafka")
    server = KafkaServer(java, find_jars(), folder, certify(folder))
    server.keys_file.write_text(signing_keys())
    server.format()
    try:
        server.start()
        yield server
    finally:
        server.stop()


def find_jars() -> Path:
    """Return the folder of Kafka's jars, filled by Maven when it is the first time."""
    named = os.environ.get("KAFKA_HOME")
    if named:
        return Path(named) / "libs"
    (version,) = re.findall(r"<kafka.version>(.+)</kafka.version>", POM.read_text())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "driftgauge"
    jars = cache / f"kafka-{version}"
    if not jars.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / "kafka.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # several processes may run the tests
            if not jars.exists():
                _fill(jars)
    return jars


def _fill(jars: Path) -> None:
    with tempfile.TemporaryDirectory(dir=jars.parent) as unfinished:
        _copy_jars(Path(unfinished) / "jars")
        (Path(unfinished) / "jars").rename(jars)


def _copy_jars(target: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        _go_without("set KAFKA_HOME or install Maven (Debian's maven)")
    goal = ("dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={target}")
    copied = subprocess.run(
        [maven, "-q", "-B", "-f", POM, *goal], capture_output=True, text=True, check=False
    )
    if copied.returncode != 0:
        _go_without(f"Maven did not get it: {copied.stdout[-500:]}")


def _go_without(remedy: str) -> NoReturn:
    reason = f"no Apache Kafka for tests: {remedy}"
    if os.environ.get("DRIFTGAUGE_REQUIRE_SERVICES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@dataclass
class KafkaServer:
    """One node whose topics survive its end; its ports stay the same.

    Clients of its port ``BEHIND_PROXY`` are sent on to the port ``PROXY``, where a `Proxy` may stand;
    those of ``IN_DOCKER`` to a name that only other containers know.
    """

    java: str
    jars: Path
    folder: Path
    certificates: Certificates
    ports: dict[str, int] = field(default_factory=lambda: free_ports(*_PORTS))
    process: subprocess.Popen[bytes] | None = None
    consumer_settings: Mapping[str, Any] = field(default_factory=dict)
    more_settings: Mapping[str, str] = field(default_factory=dict)

    def connection(self, listener: str = "PLAINTEXT", **more: Any) -> KafkaConnection:
        """Return how to reach one listener."""
        return KafkaConnection(
            bootstrap_servers=(f"127.0.0.1:{self.ports[listener]}",),
            security_protocol=listener if listener in LISTENERS else "PLAINTEXT",
            **more,
        )

    def create_topic(self, topic: str, partitions: int = 1) -> None:
        """Make a topic unless it exists."""
        ensure_topics(self.connection(), {topic: partitions})

    def format(self) -> None:
        """Make the data folder, with the user of SCRAM in it."""
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        self._properties.write_text(self._settings())
        users = [
            ("--add-scram", f"{mechanism}=[name={USER},password={PASSWORD}]")
            for mechanism in _MECHANISMS[1:]
        ]
        # With "=", since one name in 64 begins with a dash and would be taken for an option.
        arguments = [
            "format",
            f"--cluster-id={cluster}",
            *(word for user in users for word in user),
        ]
        made = subprocess.run(
            self._command("kafka.tools.StorageTool", *arguments, "-c", str(self._properties)),
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            raise RuntimeError(f"Kafka made no data folder:\n{made.stdout}{made.stderr}")

    def start(self) -> None:
        """Start it and return when it answers."""
        with self._log.open("ab") as output:
            self.process = subprocess.Popen(
                self._command("kafka.Kafka", str(self._properties)),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=dying_with(os.getpid()),  # noqa: PLW1509 - only calls prctl
            )
        deadline = time.monotonic() + START_SECONDS
        while not _accepts(self.ports["PLAINTEXT"]):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"Kafka did not start:\n{self._log.read_text()[-4000:]}")
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it; safe to call twice."""
        process, self.process = self.process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @contextmanager
    def away(self) -> Iterator[None]:
        """End it for the block and start it again, with all that it kept."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    @property
    def keys_file(self) -> Path:
        """The keys that tokens are signed with, as JSON: written before it is started."""
        return self.folder / "keys.json"

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"

    @property
    def _log(self) -> Path:
        return self.folder / "server.log"

    def _command(self, *arguments: str) -> list[str]:
        allowed = f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={self.keys_file.as_uri()}"
        return [self.java, *_JAVA, allowed, "-cp", f"{self.jars}/*", *arguments]

    def _settings(self) -> str:
        listeners = {
            name: f"{name}://127.0.0.1:{port}"
            for name, port in self.ports.items()
            if name != "PROXY"
        }
        behind = {"BEHIND_PROXY": f"BEHIND_PROXY://127.0.0.1:{self.ports['PROXY']}"}
        behind |= {"IN_DOCKER": f"IN_DOCKER://{DOCKER_ADDRESS}"}
        advertised = {name: listeners[name] for name in LISTENERS} | behind
        kinds = [f"{name}:{name}" for name in LISTENERS]
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{self.ports['CONTROLLER']}",
            "controller.listener.names": "CONTROLLER",
            "listeners": ",".join(listeners.values()),
            "advertised.listeners": ",".join(advertised.values()),
            "listener.security.protocol.map": ",".join(
                [*kinds, *(f"{name}:PLAINTEXT" for name in (*behind, "CONTROLLER"))]
            ),
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": str(self.folder / "data"),
            **_FOR_ONE_NODE,
            **self._security(),
            **self.more_settings,
        }
        return "".join(f"{name}={value}\n" for name, value in settings.items())

    def _security(self) -> dict[str, str]:
        module = "org.apache.kafka.common.security"
        plain = f'{module}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
        scram = f"{module}.scram.ScramLoginModule required;"
        logins = {
            f"listener.name.{listener}.{mechanism.lower()}.sasl.jaas.config": login
            for listener in ("sasl_plaintext", "sasl_ssl")
            for mechanism, login in zip(_MECHANISMS, (plain, scram, scram), strict=True)
        }
        oauth = "listener.name.sasl_ssl.oauthbearer"
        return logins | {
            f"{oauth}.sasl.jaas.config": f"{_OAUTH}.OAuthBearerLoginModule required;",
            f"{oauth}.sasl.server.callback.handler.class": (
                f"{_OAUTH}.OAuthBearerValidatorCallbackHandler"
            ),
            f"{oauth}.sasl.oauthbearer.jwks.endpoint.url": self.keys_file.as_uri(),
            f"{oauth}.sasl.oauthbearer.expected.audience": "kafka",
            f"{oauth}.connections.max.reauth.ms": "60000",
            "sasl.enabled.mechanisms": ",".join(_MECHANISMS),
            "listener.name.sasl_ssl.sasl.enabled.mechanisms": ",".join(
                (*_MECHANISMS, "OAUTHBEARER")
            ),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self.certificates.server_file),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.certificates.ca_file),
            "listener.name.ssl.ssl.client.auth": "required",
        }


_FOR_ONE_NODE = {
    "auto.create.topics.enable": "true",  # as it comes: who asks for a topic makes it
    "log.retention.ms": "-1",  # tests date events in the past; retention goes by such dates
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",  # so that a test need not wait 6 s for a death
    "offsets.topic.num.partitions": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
}


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5):
            return True
    except OSError:
        return False
