"""Stores on both databases for any test, and short ways to write records."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from driftgauge.storage import (
    N_BINS,
    AlertRecord,
    Database,
    EvidenceRecord,
    FlushRecord,
    OffsetAdvance,
    Store,
    WindowRecord,
)
from driftgauge.storage.partitions import drop_partition, partition_days
from driftgauge.storage.tables import metadata

from .postgres import new_database

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
STREAM, TOPIC, DETECTOR = "line-3", "images", "detector-1"


@dataclass
class HandClock:
    """A wall clock that moves when told."""

    at: datetime = START

    def __call__(self) -> datetime:
        return self.at

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.at += timedelta(seconds=seconds)


@pytest.fixture(scope="session")
def postgres_upgraded(postgres_server: str) -> Iterator[Database]:
    """Give one upgraded database; making one for each test would take most of their time."""
    with new_database(postgres_server) as url:
        database = Database(url)
        database.upgrade()
        yield database
        database.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def backend(request: pytest.FixtureRequest) -> str:
    """Give the kind of database."""
    return str(request.param)


@pytest.fixture
def empty_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of a database without tables."""
    if backend == "sqlite":
        return f"sqlite:///{tmp_path}/empty.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def database(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Give an upgraded, empty database of each kind."""
    if backend == "sqlite":
        opened = upgraded(f"sqlite:///{tmp_path}/driftgauge.db")
        yield opened
        opened.close()
        return
    shared: Database = request.getfixturevalue("postgres_upgraded")
    empty(shared)
    yield shared


def upgraded(url: str) -> Database:
    """Open a new database that has all tables; an SQLite file is a copy of one that is made once.

    All migrations take longer than most tests do.
    """
    database = Database(url)
    file = make_url(url).database if database.is_sqlite else None
    if file is not None and not Path(file).exists():
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(_upgraded_file(), file)
    else:
        database.upgrade()
    return database


@cache
def _upgraded_file() -> Path:
    folder = tempfile.mkdtemp(prefix="driftgauge-tables-")
    atexit.register(shutil.rmtree, folder)
    database = Database(f"sqlite:///{folder}/driftgauge.db")
    database.upgrade()
    database.close()
    return Path(folder) / "driftgauge.db"


def empty(database: Database) -> None:
    """Delete every row and every day's partition of a PostgreSQL database."""
    with database.write() as connection:
        names = ", ".join(metadata.tables)
        connection.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY")
        for day in partition_days(connection):
            drop_partition(connection, day)


@pytest.fixture
def clock() -> HandClock:
    """Give the store's wall clock."""
    return HandClock()


@pytest.fixture
def store(database: Database, clock: HandClock) -> Store:
    """Give a store of each kind in which the stream is registered."""
    made = Store(database, now=clock)
    made.ensure_stream(STREAM, TOPIC, 60)
    return made


def window(
    counts: dict[int, int] | Sequence[int],
    *,
    minute: float = 0,
    segment: str = "*",
    layer: str = "*",
    scores: tuple[float, float] = (1.0, 0.5),
    left_out: tuple[int, int] = (0, 0),
) -> WindowRecord:
    """Return a window with *counts* by bin, *minute* minutes after START."""
    if isinstance(counts, dict):
        counts = [counts.get(b, 0) for b in range(N_BINS)]
    start = START + timedelta(minutes=minute)
    return WindowRecord(segment, layer, start, tuple(counts), *scores, *left_out)


def advance(
    from_offset: int | None,
    next_offset: int,
    *,
    partition: int = 0,
    event_time_max: datetime | None = START,
    sampled_out: int = 0,
) -> OffsetAdvance:
    """Return the move of one partition of TOPIC."""
    return OffsetAdvance(TOPIC, partition, from_offset, next_offset, event_time_max, sampled_out)


def flush(
    *advances: OffsetAdvance, windows: Sequence[WindowRecord] = (), **more: Any
) -> FlushRecord:
    """Return a flush of STREAM scored by DETECTOR."""
    return FlushRecord(STREAM, DETECTOR, advances, windows, **more)


def evidence(offset: int, *, p: float = 0.001, minute: float = 0, **more: Any) -> EvidenceRecord:
    """Return one kept event of TOPIC's partition 0."""
    values: dict[str, Any] = {
        "segment": "*",
        "window_start": START + timedelta(minutes=int(minute)),
        "kind": "unusual",
        "topic": TOPIC,
        "partition": 0,
        "offset": offset,
        "event_id": f"event-{offset}",
        "event_time": START + timedelta(minutes=minute),
        "p_value": p,
        "layer_p_values": {"blocks.1": p, "blocks.2": 0.5},
        "thumbnail": b"jpeg",
    }
    return EvidenceRecord(**{**values, **more})


def alert(**more: Any) -> AlertRecord:
    """Return a new alert on camera 3."""
    values: dict[str, Any] = {
        "id": None,
        "stream": STREAM,
        "segment": "camera=3",
        "test": "betting",
        "detector": DETECTOR,
        "state": "open",
        "severity": "warning",
        "opened_at": START,
        "since": START - timedelta(minutes=2),
        "window_start": START - timedelta(minutes=1),
        "refreshed_at": START - timedelta(minutes=1),
        "resolved_at": None,
        "rate_now": 0.041,
        "rate_normal": 0.008,
        "events": 120,
        "layers": [{"layer": "blocks.1", "depth": 0.25, "share": 0.6, "direction": "unusual"}],
        "message": "camera 3: 4.1 % of images out of distribution, normally 0.8 %",
        "rate_peak": 0.041,
    }
    return AlertRecord(**{**values, **more})
