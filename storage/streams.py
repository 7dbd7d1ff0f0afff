"""Streams, and how far each of their partitions is counted."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from sqlalchemy import Connection, or_, select

from .errors import RecordConflict
from .histogram import n_ood_bins
from .levels import ensure_levels
from .stream_records import PartitionRecord, StreamRecord
from .tables import identity, stream, stream_offset
from .upsert import upsert
from .windows import estimate_left_out


def ping(connection: Connection) -> None:
    """Read the least that shows that the database answers and is one of ours."""
    connection.execute(select(stream.c.stream).limit(1)).all()


def database_id(connection: Connection) -> str:
    """Return the database's id; one that has none gets one."""
    row = {"one": 1, "id": uuid.uuid4().hex}
    connection.execute(upsert(connection, identity).on_conflict_do_nothing(), row)
    return str(connection.scalar(select(identity.c.id)))


def ensure_stream(connection: Connection, wanted: StreamRecord) -> None:
    """Register the stream, or change its topic or alpha; windows keep the length they began with.

    Raises:
        RecordConflict: its windows have another length.
        ValueError: alpha is not an edge of the p-value bins.
    """
    n_ood_bins(wanted.alpha)
    values = {
        "stream": wanted.stream,
        "topic": wanted.topic,
        "window_seconds": wanted.window_seconds,
        "created_at": wanted.created_at,
        "alpha": wanted.alpha,
    }
    connection.execute(upsert(connection, stream).on_conflict_do_nothing(), values)
    ensure_levels(connection)
    named = stream.c.stream == wanted.stream
    found = connection.scalar(select(stream.c.window_seconds).where(named))
    if found != wanted.window_seconds:
        raise RecordConflict(
            f"stream {wanted.stream!r} has windows of {found} s, not {wanted.window_seconds} s",
            hint=f"set [windows] seconds = {found}, or choose another [stream] name",
        )
    changed = stream.c.topic != wanted.topic
    anew = {"topic": wanted.topic, "first_partitions": None}
    connection.execute(stream.update().where(named, changed).values(anew))
    other_alpha = stream.update().where(named, stream.c.alpha != wanted.alpha)
    if connection.execute(other_alpha.values(alpha=wanted.alpha)).rowcount:
        estimate_left_out(connection, wanted.stream, wanted.alpha)


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
    names = ("stream", "topic", "window_seconds", "created_at", "alpha")
    columns = (stream.c[name] for name in names)
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
        *(table.event_time_max, table.flushed_at, table.sampled_out, table.topic_id),
    )
    rows = connection.execute(
        select(*columns).where(table.stream == name).order_by(table.topic, table.partition)
    )
    return [PartitionRecord(*row) for row in rows]


def note_topic(connection: Connection, name: str, topic: str, topic_id: str) -> str | None:
    """Return another id that stored offsets have; if there is none, store *topic_id* where it is empty."""
    table = stream_offset.c
    offsets = (table.stream == name, table.topic == topic)
    others = select(table.topic_id).where(*offsets, table.topic_id != topic_id)
    found = connection.scalar(others.order_by(table.partition).limit(1))
    if found is not None:
        return str(found)
    unknown = stream_offset.update().where(*offsets, table.topic_id.is_(None))
    connection.execute(unknown.values(topic_id=topic_id))
    return None


def accept_topic(connection: Connection, name: str, topic: str, topic_id: str) -> int:
    """Drop the offsets of the topic's earlier ids; return how many partitions had one.

    The topic is new, so each partition of it is read from its first record.
    """
    table = stream_offset.c
    old = or_(table.topic_id.is_(None), table.topic_id != topic_id)
    dropped = connection.execute(
        stream_offset.delete().where(table.stream == name, table.topic == topic, old)
    )
    named = (stream.c.stream == name, stream.c.topic == topic)
    connection.execute(stream.update().where(*named).values(first_partitions=0))
    return dropped.rowcount
