"""Fixtures for every test; each group lives in a file of its own."""

from .postgres import postgres_server, postgres_url
from .stores import backend, clock, database, empty_url, postgres_template, store

__all__ = [
    "backend",
    "clock",
    "database",
    "empty_url",
    "postgres_server",
    "postgres_template",
    "postgres_url",
    "store",
]
