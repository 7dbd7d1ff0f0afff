"""Fixtures for every test; each group lives in a file of its own."""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

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


# Tables are as wide as they must be, whatever terminal the tests are started in; readline, which pytest
# imports, hands its width on to the processes that pytest-xdist starts.
for _name in ("COLUMNS", "LINES"):
    os.environ.pop(_name, None)

# The same examples in every run, and no limit of time to an example: a busy machine breaks no test.
settings.register_profile(
    "driftgauge", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("driftgauge")


def pytest_collection_finish() -> None:
    """Keep the collected tests and the libraries out of garbage collection.

    A full one would take one to two seconds amid a test, and every thread of the process would stand.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _restore_log_levels() -> Iterator[None]:
    """Take back the levels that a command set in this process, for the tests that come after."""
    before = _levels()
    yield
    for name in _levels():
        logging.getLogger(name).setLevel(before.get(name, logging.NOTSET))


def _levels() -> dict[str, int]:
    names = [name for name in logging.root.manager.loggerDict if name.startswith("driftgauge")]
    return {name: logging.getLogger(name).level for name in names}
