"""How far each segment's counts have come, written with each flush."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    DateTime,
    Double,
    Select,
    Text,
    case,
    cast,
    collate,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine

from .arrays import number_array, text_array
from .columns import refuse_naive, stored_text
from .flush_records import SegmentAdvance, WindowRecord
from .judgement_records import SegmentProgress
from .tables import BINS, late_count, segment_progress
from .upsert import upsert

POOL = "*"

_TIMES = DateTime(timezone=True)

_NEVER = datetime.min.replace(tzinfo=UTC)

_FIELDS = (
    *("segment", "event_time_max", "counted_at", "clock_offset_seconds"),
    *("claimed_until", "judged_until", "claims", "waiting_since", "events"),
)


def note_progress(
    connection: Connection,
    stream: str,
    detector: str,
    advances: Sequence[SegmentAdvance],
    now: datetime,
) -> None:
    """Write how far segments have come, and hold their rows until the transaction ends."""
    statement = upsert(connection, segment_progress)
    new, old = statement.excluded, segment_progress.c
    newest = case(
        (old.event_time_max > new.event_time_max, old.event_time_max), else_=new.event_time_max
    )
    changes = {
        "event_time_max": newest,
        "counted_at": new.counted_at,
        "clock_offset_seconds": new.clock_offset_seconds,
        "waiting_since": func.coalesce(old.waiting_since, new.waiting_since),
        "events": old.events + new.events,
    }
    rows = [
        {
            "stream": stream,
            "detector": detector,
            "segment": advance.segment,
            "event_time_max": advance.event_time_max,
            "counted_at": now,
            "clock_offset_seconds": advance.clock_offset_seconds,
            "waiting_since": now,
            "events": advance.events,
        }
        for advance in sorted(advances, key=lambda advance: advance.segment)
    ]
    key = segment_progress.primary_key
    names = {stored_text(advance.segment) for advance in advances}
    if connection.dialect.name == "sqlite" or len(names) < len(rows):
        connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changes), rows)
        return
    given = _progress_rows(rows)
    columns = [column.name for column in given.selected_columns]
    connection.execute(
        statement.from_select(columns, given).on_conflict_do_update(
            index_elements=key, set_=changes
        )
    )


def _progress_rows(rows: Sequence[Mapping[str, Any]]) -> Select[Any]:
    """Return *rows* as one query, in their order, which is that of the locks; PostgreSQL only."""
    arrays: dict[str, tuple[str, TypeEngine[Any]]] = {
        "segment": (text_array(stored_text(row["segment"]) for row in rows), Text()),
        "event_time_max": (text_array(row["event_time_max"] for row in rows), _TIMES),
        "clock_offset_seconds": (
            number_array(row["clock_offset_seconds"] for row in rows),
            Double(),
        ),
        "events": (number_array(row["events"] for row in rows), BigInteger()),
    }
    given = (
        func.unnest(*(cast(literal(array, Text), ARRAY(kind)) for array, kind in arrays.values()))
        .table_valued(*arrays, name="given")
        .render_derived()
    )
    same = ("stream", "detector", "counted_at", "waiting_since")
    table = segment_progress.c
    return select(
        *(literal(rows[0][name], table[name].type).label(name) for name in same),
        *(given.c[name] for name in arrays),
    )


def note_late(
    connection: Connection, stream: str, detector: str, windows: Sequence[WindowRecord]
) -> None:
    """Note what was counted for windows that a turn has claimed; after `note_progress`."""
    for window in windows:
        refuse_naive(window.window_start)
    table = segment_progress.c
    claimed = {
        row.segment: row.claimed_until
        for row in connection.execute(
            select(table.segment, table.claimed_until).where(
                table.stream == stream,
                table.detector == detector,
                table.claimed_until.is_not(None),
                table.segment.in_({window.segment for window in windows}),
            )
        )
    }
    rows = [
        {
            "stream": stream,
            "detector": detector,
            "segment": window.segment,
            "layer": window.layer,
            "window_start": window.window_start,
            **dict(zip(BINS, window.counts, strict=True)),
        }
        for window in windows
        if window.window_start <= claimed.get(stored_text(window.segment), _NEVER)
    ]
    if rows:
        connection.execute(insert(late_count), rows)


def read_progress(
    connection: Connection, stream: str, detector: str, *, lock: bool = False
) -> list[SegmentProgress]:
    """Return how far each segment has come; *lock* keeps flushes and other turns away."""
    table = segment_progress.c
    is_sqlite = connection.dialect.name == "sqlite"
    by_code_point = table.segment if is_sqlite else collate(table.segment, "C")  # as flushes sort
    query = (
        select(*(table[name] for name in _FIELDS))
        .where(table.stream == stream, table.detector == detector)
        .order_by(by_code_point)
    )
    rows = connection.execute(query.with_for_update() if lock else query)
    return [SegmentProgress(*row) for row in rows]


def waiting_seconds(
    connection: Connection, stream: str, detector: str, now: datetime
) -> float | None:
    """Return how long the oldest count has waited to be judged, None where none waits."""
    table = segment_progress.c
    oldest = connection.scalar(
        select(func.min(table.waiting_since)).where(
            table.stream == stream, table.detector == detector
        )
    )
    return None if oldest is None else max((now - oldest).total_seconds(), 0.0)
