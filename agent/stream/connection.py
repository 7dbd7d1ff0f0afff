"""How to reach a Kafka cluster: where it is, and how to be let in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .oauth import OAuthClient, token_provider


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
    bootstrap_timeout_seconds: float = 10.0
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
