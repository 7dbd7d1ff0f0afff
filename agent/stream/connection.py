"""How to reach a Kafka cluster, and what to say when it cannot be reached."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from kafka.errors import KafkaError
from kafka.net.compat import KafkaNetClient

from ..errors import SourceUnavailable

Profile = Literal["standard", "embedded"]

_NO_LOGIN = "the user name or the password is wrong"
_NO_CERTIFICATE = "the broker wants a certificate of this agent: certificate_file, key_file"
_MEANINGS = {
    "CERTIFICATE_VERIFY_FAILED": "the broker's certificate is not signed by an authority in "
    "ca_file, or is another host's",
    "BAD_CERTIFICATE": _NO_CERTIFICATE,
    "CERTIFICATE_REQUIRED": _NO_CERTIFICATE,
    "EOF occurred in violation": "the broker does not speak TLS at this port",
    "WRONG_VERSION_NUMBER": "the broker does not speak TLS at this port",
    "Invalid frame length": "the broker expects TLS at this port, or it is not Kafka's",
    "SaslAuthenticationFailed": _NO_LOGIN,
    "IllegalSaslState": "the broker asks for no login at this port",
    "UnsupportedSaslMechanism": "the broker does not offer this sasl_mechanism",
    "No such file": "ca_file, certificate_file or key_file is not there",
}
"""What the client's words for a failure mean for the settings."""
_HUNG_UP = {
    "PLAINTEXT": "the broker hung up: it expects TLS or a login at this port",
    "SSL": f"the broker hung up: {_NO_CERTIFICATE}",
    "SASL_PLAINTEXT": f"the broker hung up: {_NO_LOGIN}, or it does not offer this sasl_mechanism",
    "SASL_SSL": f"the broker hung up: {_NO_LOGIN}, or it does not offer this sasl_mechanism",
}
"""What it most likely means when there is no answer: the client drops one that comes together with
the end of the connection, as that to a wrong password does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaConnection:
    """Where the cluster is and how to be let in.

    Attributes:
        bootstrap_servers: ``host:port`` of one or more brokers.
        profile: ``embedded`` for the broker that ships with the demo: short sessions, one record a
            batch.
        security_protocol: ``PLAINTEXT``, ``SSL``, ``SASL_PLAINTEXT`` or ``SASL_SSL``.
        sasl_mechanism: ``PLAIN``, ``SCRAM-SHA-256`` or ``SCRAM-SHA-512``; None without SASL.
        bootstrap_timeout_seconds: how long a first answer may take.
    """

    bootstrap_servers: tuple[str, ...]
    profile: Profile = "standard"
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    bootstrap_timeout_seconds: float = 30.0

    def options(self) -> dict[str, Any]:
        """Return what every kafka-python client takes."""
        return {
            "bootstrap_servers": list(self.bootstrap_servers),
            "client_id": "driftgauge",
            "bootstrap_timeout_ms": round(self.bootstrap_timeout_seconds * 1000),
            "security_protocol": self.security_protocol,
            "sasl_mechanism": self.sasl_mechanism,
            "sasl_plain_username": self.username,
            "sasl_plain_password": self.password,
            "ssl_cafile": self.ca_file,
            "ssl_certfile": self.certificate_file,
            "ssl_keyfile": self.key_file,
        }

    def producer_options(self) -> dict[str, Any]:
        """Return what a producer takes on top: the embedded broker counts batches, not records."""
        options = self.options() | {"acks": "all", "max_block_ms": 10_000}
        if self.profile == "embedded":
            options |= {"batch_size": 1, "linger_ms": 0, "enable_idempotence": False}
        return options


class _Heard(logging.Handler):
    """Keeps the client's last warnings: the cause of a failure is nowhere else."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines = [*self.lines[-19:], record.getMessage()]


def build_client(
    make: Callable[..., Any], connection: KafkaConnection, purpose: str, **options: Any
) -> Any:
    """Return ``make(**options)``, a consumer, producer or admin client.

    One that fails in its constructor leaves a thread and sockets that nobody else can close.

    Raises:
        SourceUnavailable: the broker does not answer, with the cause.
    """
    network: list[Any] = []

    def remembered(**settings: Any) -> Any:
        network.append(KafkaNetClient(**settings))
        return network[-1]

    with explaining(connection, purpose):
        try:
            return make(kafka_client=remembered, **options)
        except BaseException:
            for client in network:
                client.close()
            raise


def close_producer(producer: Any, timeout_seconds: float) -> None:
    """Close *producer*, giving up what the broker does not take within the time.

    Its own ``close`` then raises and leaves everything open, and raises again when it is collected.
    """
    try:
        producer.close(timeout=timeout_seconds)
    except KafkaError as error:
        logging.getLogger(__name__).warning("closing by force, not all was sent: %s", error)
        producer._sender.force_close()  # noqa: SLF001 - there is no public way
        producer._sender.join(timeout_seconds)  # noqa: SLF001
        with suppress(KafkaError):
            producer.close(timeout=timeout_seconds)


@contextmanager
def explaining(connection: KafkaConnection, purpose: str) -> Iterator[None]:
    """Turn kafka-python's failure inside the block into one that names its cause.

    Raises:
        SourceUnavailable: with what the client's log said, since its exception does not say it.
    """
    heard = _Heard()
    log = logging.getLogger("kafka")
    log.addHandler(heard)
    try:
        yield
    except (KafkaError, OSError, ValueError) as error:
        raise _unavailable(connection, purpose, error, heard.lines) from error
    finally:
        log.removeHandler(heard)


def _unavailable(
    connection: KafkaConnection, purpose: str, error: Exception, lines: list[str]
) -> SourceUnavailable:
    servers = ", ".join(connection.bootstrap_servers)
    causes = [line for line in lines if "failed: " in line and "Unable to bootstrap" not in line]
    answers = [line for line in causes if "timed out" not in line]  # the last try is cut short
    cause = next(reversed(answers or causes), "the client gave no cause")
    return SourceUnavailable(
        f"cannot {purpose} at {servers} over {connection.security_protocol}: {error}; "
        f"last heard: {cause}{_meaning(connection, cause)}",
        hint="check bootstrap_servers, the security protocol, the certificate and the password: "
        "kafka clients report all four alike",
    )


def _meaning(connection: KafkaConnection, cause: str) -> str:
    known = _MEANINGS | {"socket disconnected": _HUNG_UP[connection.security_protocol]}
    return next((f": {meaning}" for words, meaning in known.items() if words in cause), "")
