"""Fixtures for every test; each group lives in a file of its own."""

from .broker import broker, topic
from .kafka_server import apache_kafka
from .postgres import postgres_server, postgres_url
from .stores import backend, clock, database, empty_url, postgres_upgraded, store

__all__ = [
    "apache_kafka",
    "backend",
    "broker",
    "clock",
    "database",
    "empty_url",
    "postgres_server",
    "postgres_upgraded",
    "postgres_url",
    "store",
    "topic",
]
