"""The section ``kafka`` of ``driftgauge.toml``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, SecretStr

from ..section import MIB, Section, Words


class KafkaSection(Section):
    """How to reach the broker."""

    removed: ClassVar[Mapping[str, str]] = {
        "profile": 'delete it; where it was "embedded", write session_timeout_seconds = 2.5, '
        'heartbeat_interval_seconds = 0.3 and partition_assignment = "range" instead'
    }

    bootstrap_servers: Words = Field(default=("localhost:9092",), min_length=1)
    """Brokers to ask first, each "host:port"."""
    group_id: str = Field(default="", examples=["driftgauge-camera-frames"])
    """Consumer group; empty means "driftgauge-" and the stream's name."""
    auto_offset_reset: Literal["earliest", "latest"] = "earliest"
    """Where to start if the database has no offset: at the first message in the topic, or at the
    next new one. `driftgauge run --from beginning|now` overrides it for one start. A partition that
    is added to the topic while the agent runs is always read from its first record."""
    dead_letter_topic: str = Field(default="", examples=["camera-frames.dlq"])
    """Topic for messages that cannot be used; empty means the topic's name and ".dlq"."""
    session_timeout_seconds: float = Field(default=45, ge=1, le=1800)
    """Seconds without a heartbeat after which the broker gives this agent's partitions to others."""
    heartbeat_interval_seconds: float = Field(default=3, ge=0.1, le=600)
    """Seconds between heartbeats; at most a third of session_timeout_seconds."""
    partition_assignment: Literal["cooperative-sticky", "range"] = "cooperative-sticky"
    """How the agents of the group share the partitions. With "cooperative-sticky", partitions that
    stay with their agent are read without a pause during a rebalance; "range" stops all of them.
    All agents of a group need the same value."""
    fetch_max_bytes: int = Field(default=8 * MIB, ge=65536, le=64 * MIB)
    """Maximum bytes of one fetch, and of the decompressed messages that one poll takes from it; limits
    the memory of queued messages."""
    max_batch_bytes: int = Field(default=64 * MIB, ge=MIB, le=1024 * MIB)
    """Maximum decompressed bytes of one batch of records; a larger batch is skipped, and reported in
    the dead-letter topic. gzip, snappy, lz4 and zstd are read."""
    bootstrap_timeout_seconds: float = Field(default=10, gt=0, le=600)
    """Seconds to wait for the broker's first answer."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """How the connection is secured."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] | None = (
        Field(default=None, examples=["SCRAM-SHA-512"])
    )
    """How to log in, with SASL_PLAINTEXT or SASL_SSL."""
    username: str | None = Field(default=None, examples=["driftgauge"])
    """Name to log in with, for PLAIN and SCRAM."""
    password: SecretStr | None = Field(default=None, examples=["PASSWORD"])
    """Password to log in with; better given as DRIFTGAUGE_KAFKA__PASSWORD, or as password_file,
    than written here."""
    ca_file: Path | None = Field(default=None, examples=["/etc/ssl/kafka-ca.pem"])
    """PEM file of the authority that signed the broker's certificate."""
    certificate_file: Path | None = Field(default=None, examples=["/etc/ssl/driftgauge.pem"])
    """PEM file of this agent's own certificate, where the broker asks for one."""
    key_file: Path | None = Field(default=None, examples=["/etc/ssl/driftgauge.key"])
    """PEM file of that certificate's key."""
    key_password: SecretStr | None = Field(default=None, examples=["PASSWORD"])
    """Password of key_file, if it has one."""
    oauth_token_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s/@]+(/\S*)?$",
        examples=["https://login.internal/oauth2/token"],
    )
    """Where OAUTHBEARER gets its tokens, by client credentials."""
    oauth_client_id: str | None = Field(default=None, examples=["driftgauge"])
    """This agent's name there."""
    oauth_client_secret: SecretStr | None = Field(default=None, examples=["SECRET"])
    """Its secret there; better given as DRIFTGAUGE_KAFKA__OAUTH_CLIENT_SECRET, or as
    oauth_client_secret_file, than written here."""
    oauth_scope: str | None = Field(default=None, examples=["kafka"])
    """Scope to ask for, if the token endpoint wants one."""
    oauth_ca_file: Path | None = Field(default=None, examples=["/etc/ssl/login-ca.pem"])
    """PEM file of the authority that signed the token endpoint's certificate; unset means the
    system's authorities."""
    oauth_extensions: Words = Field(default=(), examples=[["logicalCluster=lkc-1"]])
    """SASL extensions to send with the token, each "name=value"; some hosted brokers want them."""
