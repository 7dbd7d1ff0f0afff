"""The connection that the settings describe; apart from `build`, so that commands need no torch."""

from __future__ import annotations

from pathlib import Path

from .settings import Settings
from .stream.connection import KafkaConnection


def build_connection(settings: Settings) -> KafkaConnection:
    """Return how to reach the broker."""
    kafka = settings.kafka
    return KafkaConnection(
        bootstrap_servers=tuple(kafka.bootstrap_servers),
        profile=kafka.profile,
        security_protocol=kafka.security_protocol,
        sasl_mechanism=kafka.sasl_mechanism,
        username=kafka.username,
        password=kafka.password.get_secret_value() if kafka.password else None,
        ca_file=_text(kafka.ca_file),
        certificate_file=_text(kafka.certificate_file),
        key_file=_text(kafka.key_file),
        bootstrap_timeout_seconds=kafka.bootstrap_timeout_seconds,
    )


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
