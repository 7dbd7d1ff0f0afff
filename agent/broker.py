"""The connection that the settings describe; apart from `build`, so that commands need no torch."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from .contradictions import OAUTH
from .settings import Settings
from .stream.connection import KafkaConnection
from .stream.oauth import OAuthClient


def build_connection(settings: Settings) -> KafkaConnection:
    """Return how to reach the broker."""
    kafka = settings.kafka
    return KafkaConnection(
        bootstrap_servers=tuple(kafka.bootstrap_servers),
        profile=kafka.profile,
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
