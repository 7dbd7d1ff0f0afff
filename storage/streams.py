"""Streams, and how far each of their partitions is counted."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from .errors import RecordConflict
from .records import PartitionRecord, StreamRecord, Watermark
from .tables import stream, stream_offset
from .upsert import upsert


def ping(connection: Connection) -> None:
    """Read the least that shows that the database answers and is one of ours."""
    connection.execute(select(stream.c.stream).limit(1)).all()


def ensure_stream(connection: Connection, wanted: StreamRecord) -> None:
    """Register the stream or change its topic; windows keep the length they began with."""
    values = {
        "stream": wanted.stream,
        "topic": wanted.topic,
        "window_seconds": wanted.window_seconds,
        "created_at": wanted.created_at,
    }
    connection.execute(upsert(connection, stream).on_conflict_do_nothing(), values)
    named = stream.c.stream == wanted.stream
    found = connection.scalar(select(stream.c.window_seconds).where(named))
    if found != wanted.window_seconds:
        raise RecordConflict(
            f"stream {wanted.stream!r} counts in windows of {found} s, not {wanted.window_seconds}",
            hint=f"set [windows] seconds = {found}, or choose another [stream] name",
        )
    changed = stream.c.topic != wanted.topic
    anew = {"topic": wanted.topic, "first_partitions": None}
    connection.execute(stream.update().where(named, changed).values(anew))


def first_partitions(connection: Connection, name: str, n_now: int) -> int:
    """Return how many partitions the topic had when it was first read: *n_now* if that is now."""
    column = stream.c.first_partitions
    named = stream.c.stream == name
    connection.execute(
        stream.update().where(named, column.is_(None)).values(first_partitions=n_now)
    )
    found = connection.scalar(select(column).where(named))
    if found is None:
        raise RecordConflict(f"stream {name!r} is not registered")
    return int(found)


def read_streams(connection: Connection) -> list[StreamRecord]:
    """Return every stream by name."""
    columns = (stream.c.stream, stream.c.topic, stream.c.window_seconds, stream.c.created_at)
    rows = connection.execute(select(*columns).order_by(stream.c.stream))
    return [StreamRecord(*row) for row in rows]


def read_offsets(
    connection: Connection, name: str, partitions: Collection[tuple[str, int]]
) -> dict[tuple[str, int], int]:
    """Return the next offset of each of *partitions* that the database knows."""
    known = {
        (row.topic, row.partition): row.next_offset for row in read_partitions(connection, name)
    }
    return {partition: known[partition] for partition in partitions if partition in known}


def read_partitions(connection: Connection, name: str) -> list[PartitionRecord]:
    """Return every partition of the stream by topic and number."""
    table = stream_offset.c
    columns = (
        *(table.topic, table.partition, table.next_offset),
        *(table.event_time_max, table.flushed_at, table.sampled_out),
    )
    rows = connection.execute(
        select(*columns).where(table.stream == name).order_by(table.topic, table.partition)
    )
    return [PartitionRecord(*row) for row in rows]


def watermark(
    partitions: Collection[PartitionRecord],
    *,
    now: datetime,
    idle_seconds: float,
    grace_seconds: float,
) -> Watermark:
    """Return how far the windows can be trusted.

    A partition whose events were all undecodable has no event time and holds nothing back.
    """
    idle_since = now - timedelta(seconds=idle_seconds)
    grace = timedelta(seconds=grace_seconds)
    busy = [row for row in partitions if row.flushed_at > idle_since]
    if all(row.event_time_max is None for row in partitions):
        return Watermark(closed_until=None, idle=not busy)
    times = [row.event_time_max for row in busy if row.event_time_max is not None]
    return Watermark(closed_until=min(times, default=now) - grace, idle=not busy)
