"""The connection to Kafka that the settings describe, and a source of events over it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydantic import SecretStr

from ..settings.conflicts import OAUTH
from ..settings.load import Settings
from ..stream.connection import KafkaConnection
from ..stream.consumer import ConsumerSettings, OffsetReset
from ..stream.group_owner import GroupOwner
from ..stream.kafka import KafkaSource
from ..stream.oauth import OAuthClient


def build_connection(settings: Settings) -> KafkaConnection:
    """Return how to reach the broker."""
    kafka = settings.kafka
    return KafkaConnection(
        bootstrap_servers=tuple(kafka.bootstrap_servers),
        security_protocol=kafka.security_protocol,
        sasl_mechanism=kafka.sasl_mechanism,
        username=kafka.username,
        password=_secret(kafka.password),
        ca_file=_text(kafka.ca_file),
        certificate_file=_text(kafka.certificate_file),
        key_file=_text(kafka.key_file),
        key_password=_secret(kafka.key_password),
        oauth=_oauth(settings) if kafka.sasl_mechanism == OAUTH else None,
        bootstrap_timeout_seconds=kafka.bootstrap_timeout_seconds,
        max_batch_bytes=kafka.max_batch_bytes,
    )


def _oauth(settings: Settings) -> OAuthClient:
    """Return who asks where for tokens; the settings are checked to have all of it."""
    kafka = settings.kafka
    return OAuthClient(
        token_url=kafka.oauth_token_url or "",
        client_id=kafka.oauth_client_id or "",
        client_secret=_secret(kafka.oauth_client_secret) or "",
        scope=kafka.oauth_scope,
        ca_file=_text(kafka.oauth_ca_file),
        extensions=kafka.oauth_extensions,
    )


def _secret(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def build_source(
    settings: Settings,
    *,
    topic: str | None = None,
    group_id: str | None = None,
    reset: OffsetReset | None = None,
    first_partitions: Callable[[int], int] | None = None,
    owner: GroupOwner | None = None,
) -> KafkaSource:
    """Join the consumer group; arguments take the place of the stream's own settings."""
    return KafkaSource(
        build_connection(settings),
        topic=topic or settings.stream.topic,
        group_id=group_id or settings.kafka.group_id,
        settings=consumer_settings(settings, reset=reset),
        first_partitions=first_partitions,
        owner=owner,
    )


def consumer_settings(settings: Settings, *, reset: OffsetReset | None = None) -> ConsumerSettings:
    """Return how messages are read; *reset* takes the place of the stream's own setting."""
    kafka = settings.kafka
    return ConsumerSettings(
        auto_offset_reset=reset or kafka.auto_offset_reset,
        session_timeout_seconds=kafka.session_timeout_seconds,
        heartbeat_interval_seconds=kafka.heartbeat_interval_seconds,
        partition_assignment=kafka.partition_assignment,
        fetch_max_bytes=kafka.fetch_max_bytes,
        max_message_bytes=settings.batch.max_message_bytes,
    )
