"""The flush: counts, evidence and offsets in one transaction, guarded by the offsets."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from sqlalchemy import ColumnElement, Connection, case, literal, or_, select

from .counts import add_counts, window_rows
from .errors import StaleFlush
from .flush_records import (
    OTHER_VALUE,
    EvidenceRecord,
    FlushRecord,
    OffsetAdvance,
    RefusedRow,
    ScoreSummary,
    SegmentAdvance,
    WindowRecord,
)
from .history_tables import window_counts
from .isolation import Write, write_all
from .kept import write_kept
from .progress import note_late, note_progress
from .rollup import add_late
from .series import series_ids
from .tables import evidence, score_summary, stream_offset
from .upsert import upsert, wrote_one

COMBINED = "*"
"""The layer that counts each event once."""

_STATISTICS = ("events", "mean", "variance", "minimum", "maximum", "p05", "p50", "p95")


def write_flush(
    connection: Connection, flush: FlushRecord, now: datetime, *, write: Write = write_all
) -> list[RefusedRow]:
    """Write *flush* as one; the caller's transaction keeps it whole.

    Rows are written in the order of their keys, so that two agents that share a window wait for
    each other and never deadlock.

    Args:
        connection: in a transaction.
        flush: what to write.
        now: the database's time.
        write: how to write many rows.

    Returns:
        The rows that *write* left out. Counts of a segment that is refused for its name count as
        ``name=~other``.
    """
    for advance in sorted(flush.advances, key=lambda advance: (advance.topic, advance.partition)):
        _advance(connection, flush.stream, advance, now)
    write_kept(connection, flush.stream, flush.kept_shards, flush.kept_runs, now)
    return [
        refused
        for record in flush.by_detector
        for refused in _write_counts(connection, record, now, write)
    ]


def _write_counts(
    connection: Connection, flush: FlushRecord, now: datetime, write: Write
) -> list[RefusedRow]:
    """Write what one detector version counted."""
    add = partial(_add_windows, connection, flush, now)
    windows = write(add, sorted(flush.windows, key=_window_key))
    lost = write(add, [_in_other(window) for window, _ in windows])
    keep = partial(_keep_evidence, connection, flush, now)
    replaced = partial(_replace_summaries, connection, flush, now)
    return [
        *(RefusedRow("window", row.segment, str(reason), is_lost=False) for row, reason in windows),
        *(RefusedRow("window", row.segment, str(reason)) for row, reason in lost),
        *(
            RefusedRow("evidence", row.segment, str(reason))
            for row, reason in write(keep, flush.evidence)
        ),
        *(
            RefusedRow("statistics", row.layer, str(reason))
            for row, reason in write(replaced, flush.summaries)
        ),
    ]


def _window_key(window: WindowRecord) -> tuple[datetime, str, str]:
    return window.window_start, window.segment, window.layer


def _in_other(window: WindowRecord) -> WindowRecord:
    """Return the counts under the name for values that cannot be stored."""
    name, is_value, _ = window.segment.partition("=")
    return replace(window, segment=f"{name}={OTHER_VALUE}" if is_value else window.segment)


def _advance(connection: Connection, stream: str, advance: OffsetAdvance, now: datetime) -> None:
    if advance.from_offset is None:
        moved = _insert_offset(connection, stream, advance, now)
    else:
        moved = _update_offset(connection, stream, advance, now)
    if not moved:
        raise _stale(connection, stream, advance)


def _insert_offset(
    connection: Connection, stream: str, advance: OffsetAdvance, now: datetime
) -> bool:
    statement = upsert(connection, stream_offset).on_conflict_do_nothing()
    row = {
        "stream": stream,
        "topic": advance.topic,
        "partition": advance.partition,
        "next_offset": advance.next_offset,
        "event_time_max": advance.event_time_max,
        "flushed_at": now,
        "sampled_out": advance.sampled_out,
        "topic_id": advance.topic_id,
    }
    return wrote_one(connection, statement, row)


def _update_offset(
    connection: Connection, stream: str, advance: OffsetAdvance, now: datetime
) -> bool:
    table = stream_offset.c
    values: dict[str, object] = {"next_offset": advance.next_offset}
    if advance.next_offset != advance.from_offset:  # an offset that stays put is no sign of life
        values["flushed_at"] = now
    if advance.event_time_max is not None:
        latest = literal(advance.event_time_max, table.event_time_max.type)
        values["event_time_max"] = case(
            (table.event_time_max > latest, table.event_time_max), else_=latest
        )
    if advance.sampled_out:
        values["sampled_out"] = table.sampled_out + advance.sampled_out
    guard = [
        *_partition(stream, advance),
        table.next_offset == advance.from_offset,
    ]
    if advance.topic_id is not None:
        values["topic_id"] = advance.topic_id
        guard.append(or_(table.topic_id.is_(None), table.topic_id == advance.topic_id))
    return connection.execute(stream_offset.update().where(*guard).values(values)).rowcount == 1


def _stale(connection: Connection, stream: str, advance: OffsetAdvance) -> StaleFlush:
    table = stream_offset.c
    columns = select(table.next_offset, table.topic_id)
    found = connection.execute(columns.where(*_partition(stream, advance))).first()
    offset, topic_id = (None, None) if found is None else found
    place = f"partition {advance.topic}/{advance.partition} of stream {stream!r}"
    if topic_id is not None and advance.topic_id not in (None, topic_id):
        return StaleFlush(
            f"{place} has counts of the topic with id {topic_id}, this flush is for the topic with "
            f"id {advance.topic_id}; nothing was written"
        )
    return StaleFlush(
        f"{place} is at offset {offset}, this flush started from {advance.from_offset}; nothing "
        "was written"
    )


def _partition(stream: str, advance: OffsetAdvance) -> list[ColumnElement[bool]]:
    table = stream_offset.c
    return [
        table.stream == stream,
        table.topic == advance.topic,
        table.partition == advance.partition,
    ]


def _add_windows(
    connection: Connection, flush: FlushRecord, now: datetime, windows: Sequence[WindowRecord]
) -> None:
    """Add counts, and note how far their segments have come and which of the counts are late."""
    stream, detector = flush.stream, flush.detector
    note_progress(connection, stream, detector, _segment_advances(flush, windows), now)
    note_late(connection, stream, detector, windows)
    names = {(window.segment, window.layer) for window in windows}
    ids = series_ids(connection, stream, detector, names)
    rows = window_rows(windows, ids)
    add_counts(connection, window_counts, rows)
    add_late(connection, rows)


def _segment_advances(flush: FlushRecord, windows: Sequence[WindowRecord]) -> list[SegmentAdvance]:
    said = {advance.segment: advance for advance in flush.segments}
    last = {window.segment: window.window_start for window in sorted(windows, key=_window_key)}
    events: Counter[str] = Counter()
    for window in windows:
        if window.layer == COMBINED:
            events[window.segment] += window.events + window.left_out
    return [
        replace(said.get(segment) or SegmentAdvance(segment, start), events=events[segment])
        for segment, start in last.items()
    ]


def _keep_evidence(
    connection: Connection, flush: FlushRecord, now: datetime, kept: Sequence[EvidenceRecord]
) -> None:
    rows = [
        {**_evidence_row(flush.stream, flush.detector, record), "kept_at": now} for record in kept
    ]
    connection.execute(upsert(connection, evidence).on_conflict_do_nothing(), rows)


def _evidence_row(stream: str, detector: str, record: EvidenceRecord) -> dict[str, object]:
    return {
        "stream": stream,
        "detector": detector,
        "segment": record.segment,
        "window_start": record.window_start,
        "kind": record.kind,
        "topic": record.topic,
        "partition": record.partition,
        "record_offset": record.offset,
        "event_id": record.event_id,
        "event_time": record.event_time,
        "p_value": record.p_value,
        "layer_p_values": dict(record.layer_p_values),
        "thumbnail": record.thumbnail,
        "item": record.item,
        "pixels": record.pixels,
    }


def _replace_summaries(
    connection: Connection, flush: FlushRecord, now: datetime, summaries: Sequence[ScoreSummary]
) -> None:
    statement = upsert(connection, score_summary)
    names = ("detector", *_STATISTICS, "flushed_at")
    rows = [
        {
            "stream": flush.stream,
            "layer": summary.layer,
            "detector": flush.detector,
            "flushed_at": now,
            **_statistics(summary),
        }
        for summary in sorted(summaries, key=lambda summary: summary.layer)
    ]
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=score_summary.primary_key,
            set_={name: statement.excluded[name] for name in names},
        ),
        rows,
    )


def _statistics(summary: ScoreSummary) -> Mapping[str, float | None]:
    values = {name: getattr(summary, name) for name in _STATISTICS}
    return {name: None if math.isnan(value) else value for name, value in values.items()}
