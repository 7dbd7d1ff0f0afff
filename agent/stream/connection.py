"""How to reach a Kafka cluster, and what to say when it cannot be reached."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from kafka.errors import KafkaError
from kafka.net.compat import KafkaNetClient

from ..errors import SourceRefused, SourceUnavailable
from ..log import action
from .codec import bound_decompression
from .oauth import OAuthClient, token_provider

REFUSED_SECONDS = 3.0
"""A client tries until its time is over, also where the answer is a refusal; after so long a refusal
ends it."""

_NO_LOGIN = "the user name or the password is wrong"
_NO_TOKEN = "the broker does not accept the token: its issuer, audience or scope"
_NO_CERTIFICATE = "the broker wants a certificate of this agent: certificate_file, key_file"
_MEANINGS = {
    "CERTIFICATE_VERIFY_FAILED": "the broker's certificate is not signed by an authority in "
    "ca_file, or is another host's",
    "BAD_CERTIFICATE": _NO_CERTIFICATE,
    "CERTIFICATE_REQUIRED": _NO_CERTIFICATE,
    "EOF occurred in violation": "the broker does not speak TLS at this port",
    "WRONG_VERSION_NUMBER": "the broker does not speak TLS at this port",
    "Invalid frame length": "the broker expects TLS at this port, or it is not Kafka's",
    "token request failed": "the token endpoint gave no token",
    "SaslAuthenticationFailed": _NO_LOGIN,
    "IllegalSaslState": "the broker asks for no login at this port",
    "UnsupportedSaslMechanism": "the broker does not offer this sasl_mechanism",
    "PEM lib": "key_password does not open key_file",
    "KEY_VALUES_MISMATCH": "key_file is not the key of certificate_file",
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
        security_protocol: ``PLAINTEXT``, ``SSL``, ``SASL_PLAINTEXT`` or ``SASL_SSL``.
        sasl_mechanism: ``PLAIN``, ``SCRAM-SHA-256``, ``SCRAM-SHA-512`` or ``OAUTHBEARER``; None
            without SASL.
        oauth: for ``OAUTHBEARER``; the others take *username* and *password*.
        bootstrap_timeout_seconds: how long a first answer may take.
        max_batch_bytes: what one compressed batch of records may unpack to.
        producer_settings: kafka-python's own options, for every producer on this connection.
    """

    bootstrap_servers: tuple[str, ...]
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    key_password: str | None = field(default=None, repr=False)
    oauth: OAuthClient | None = None
    bootstrap_timeout_seconds: float = 30.0
    max_batch_bytes: int = 64 * 1024 * 1024
    producer_settings: Mapping[str, Any] = field(default_factory=dict)

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
            "ssl_password": self.key_password or "",  # None would ask at the terminal
            "sasl_oauth_token_provider": token_provider(self.oauth) if self.oauth else None,
        }

    def producer_options(self) -> dict[str, Any]:
        """Return what every producer takes."""
        return self.options() | {"acks": "all", "max_block_ms": 10_000, **self.producer_settings}


class _Heard(logging.Handler):
    """Keeps the client's last warnings: the cause of a failure is nowhere else.

    Args:
        when_refused: called in the client's thread for each refusal after some seconds.
    """

    def __init__(self, connection: KafkaConnection, when_refused: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._connection = connection
        self._when_refused = when_refused
        self._since = time.monotonic()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        self.lines = [*self.lines[-19:], line]
        is_refusal = line.startswith("Bootstrap connection") and _meaning(self._connection, line)
        if is_refusal and time.monotonic() - self._since > REFUSED_SECONDS:
            self._when_refused()


def build_client(
    make: Callable[..., Any], connection: KafkaConnection, purpose: str, **options: Any
) -> Any:
    """Return ``make(**options)``, a consumer, producer or admin client.

    One that fails in its constructor leaves a thread and sockets that nobody else can close.

    Raises:
        SourceUnavailable: the broker does not answer, with the cause.
        SourceRefused: it answers, and does not let this agent in; known after some seconds.
    """
    bound_decompression(connection.max_batch_bytes)
    network: list[Any] = []

    def remembered(**settings: Any) -> Any:
        network.append(KafkaNetClient(**settings))
        return network[-1]

    def give_up() -> None:
        for client in network:
            client._manager.close()  # noqa: SLF001 - there is no public way

    with explaining(connection, purpose, when_refused=give_up):
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
        logging.getLogger(__name__).warning(
            "closing by force, not all was sent: %s", error, extra=action("producer_forced")
        )
        producer._sender.force_close()  # noqa: SLF001 - there is no public way
        producer._sender.join(timeout_seconds)  # noqa: SLF001
        with suppress(KafkaError):
            producer.close(timeout=timeout_seconds)


@contextmanager
def explaining(
    connection: KafkaConnection, purpose: str, *, when_refused: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Turn kafka-python's failure inside the block into one that names its cause.

    Args:
        when_refused: called when the broker keeps on refusing, in the client's thread.

    Raises:
        SourceUnavailable: with what the client's log said, since its exception does not say it.
    """
    heard = _Heard(connection, when_refused)
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
    cut_short = ("timed out", "KafkaTimeoutError")  # the last try is
    answers = [line for line in causes if not any(words in line for words in cut_short)]
    cause = next(reversed(answers or causes), "the client gave no cause")
    meaning = _meaning(connection, cause)
    kind = SourceRefused if meaning else SourceUnavailable
    return kind(
        f"cannot {purpose} at {servers} over {connection.security_protocol}: {error}; "
        f"last heard: {cause}{meaning}",
        hint="check bootstrap_servers, the security protocol, the certificate and the password: "
        "kafka clients report all four alike",
    )


def _meaning(connection: KafkaConnection, cause: str) -> str:
    """Return what *cause* means for the settings; a token is refused in the words of a password."""
    hung_up = _HUNG_UP[connection.security_protocol]
    known = _MEANINGS | {"socket disconnected": hung_up}
    if connection.oauth is not None:
        known |= {
            "SaslAuthenticationFailed": _NO_TOKEN,
            "socket disconnected": f"the broker hung up: {_NO_TOKEN}",
        }
    return next((f": {meaning}" for words, meaning in known.items() if words in cause), "")
