"""Registered detector versions; one is active per stream."""

from __future__ import annotations

from sqlalchemy import Connection, select

from .stream_records import DetectorRecord
from .tables import detector
from .upsert import upsert

_COLUMNS = tuple(
    detector.c[name] for name in ("detector", "stream", "uri", "created_at", "active", "manifest")
)


def register_detector(connection: Connection, record: DetectorRecord) -> None:
    """Insert or update a version; an active one takes over from the one before it."""
    table = detector.c
    values = {
        "stream": record.stream,
        "detector": record.detector,
        "uri": record.uri,
        "created_at": record.created_at,
        "manifest": dict(record.manifest),
    }
    statement = upsert(connection, detector)
    changed = {name: statement.excluded[name] for name in ("uri", "manifest")}
    keys = (table.stream, table.detector)
    connection.execute(
        statement.on_conflict_do_update(index_elements=keys, set_=changed),
        {**values, "active": False},
    )
    if record.active:
        of_stream = detector.update().where(table.stream == record.stream)
        connection.execute(of_stream.where(table.active).values(active=False))
        named = table.detector == record.detector
        connection.execute(of_stream.where(named).values(active=True))


def read_detectors(connection: Connection, stream: str) -> list[DetectorRecord]:
    """Return the stream's versions, newest first."""
    table = detector.c
    query = select(*_COLUMNS).where(table.stream == stream)
    rows = connection.execute(query.order_by(table.created_at.desc(), table.detector))
    return [DetectorRecord(*row) for row in rows]


def read_active(connection: Connection, stream: str) -> DetectorRecord | None:
    """Return the version that scores the stream now."""
    table = detector.c
    query = select(*_COLUMNS).where(table.stream == stream, table.active)
    row = connection.execute(query).first()
    return None if row is None else DetectorRecord(*row)
