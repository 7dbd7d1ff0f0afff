"""Baselines and evidence of segments: a row each, so that a turn writes only what it changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, select, update

from .segment_records import SegmentBaseline, SegmentStateRow
from .tables import segment_baseline, segment_state
from .upsert import upsert

_BASELINE = (
    *("segment", "source", "made_by", "made_at", "events", "effective_events", "windows"),
    *("begins", "until", "components", "grown", "grown_until", "anchor_shift", "tests", "measured"),
)
_STATE = ("segment", "test", "content", "baseline_revision", "nearness")
_AT_ONCE = 500


def read_baseline_revisions(connection: Connection, stream: str, detector: str) -> dict[str, int]:
    """Return the revision of each segment's baseline."""
    table = segment_baseline.c
    query = select(table.segment, table.revision).where(
        table.stream == stream, table.detector == detector
    )
    return {row.segment: row.revision for row in connection.execute(query)}


def read_baselines(
    connection: Connection,
    stream: str,
    detector: str,
    *,
    with_reference: bool,
    segment: str | None = None,
) -> list[SegmentBaseline]:
    """Return the baselines, of one *segment* or by segment; their reference windows only if asked for."""
    table = segment_baseline.c
    names = (*_BASELINE, "revision", "power", *(("reference",) if with_reference else ()))
    query = (
        select(*(table[name] for name in names))
        .where(table.stream == stream, table.detector == detector)
        .order_by(table.segment)
    )
    if segment is not None:
        query = query.where(table.segment == segment)
    return _baselines(connection, query)


def read_baselines_without_power(
    connection: Connection, stream: str, detector: str, *, limit: int
) -> list[SegmentBaseline]:
    """Return some baselines whose power was not measured yet, the oldest first."""
    table = segment_baseline.c
    query = (
        select(*(table[name] for name in (*_BASELINE, "revision")))
        .where(table.stream == stream, table.detector == detector, table.power.is_(None))
        .order_by(table.made_at, table.segment)
        .limit(limit)
    )
    return _baselines(connection, query)


def write_power(
    connection: Connection, stream: str, detector: str, power: Mapping[str, tuple[int, bytes]]
) -> None:
    """Store by segment the power of a revision of its baseline; of one that was replaced, nothing."""
    table = segment_baseline.c
    for segment, (revision, packed) in power.items():
        connection.execute(
            update(segment_baseline)
            .where(
                *(table.stream == stream, table.detector == detector, table.segment == segment),
                table.revision == revision,
            )
            .values(power=packed)
        )


def _baselines(connection: Connection, query: Select[Any]) -> list[SegmentBaseline]:
    return [
        SegmentBaseline(**{**row, "tests": tuple(filter(None, row["tests"].split(",")))})
        for row in connection.execute(query).mappings()
    ]


def write_baselines(
    connection: Connection,
    stream: str,
    detector: str,
    baselines: Sequence[SegmentBaseline],
    now: datetime,
) -> None:
    """Insert or replace baselines; what is replaced gets a new revision."""
    if not baselines:
        return
    statement = upsert(connection, segment_baseline)
    names = (*_BASELINE[1:], "reference")
    changes = {name: statement.excluded[name] for name in names}
    rows = [
        {
            **{name: getattr(baseline, name) for name in ("segment", *names)},
            "tests": ",".join(baseline.tests),
            "made_at": now,
            "stream": stream,
            "detector": detector,
            "revision": 1,
        }
        for baseline in baselines
    ]
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=segment_baseline.primary_key,
            set_={**changes, "revision": segment_baseline.c.revision + 1, "power": None},
        ),
        rows,
    )


def read_states(
    connection: Connection, stream: str, detector: str, *, test: str | None
) -> list[SegmentStateRow]:
    """Return what is stored of every segment: of one *test*, or of all."""
    table = segment_state.c
    query = select(*(table[name] for name in _STATE)).where(
        table.stream == stream, table.detector == detector
    )
    if test is not None:
        query = query.where(table.test == test)
    return [SegmentStateRow(*row) for row in connection.execute(query)]


def write_states(
    connection: Connection, stream: str, detector: str, rows: Sequence[SegmentStateRow]
) -> None:
    """Insert or replace rows."""
    if not rows:
        return
    statement = upsert(connection, segment_state)
    values = [
        {"stream": stream, "detector": detector, **{name: getattr(row, name) for name in _STATE}}
        for row in rows
    ]
    changes = {name: statement.excluded[name] for name in _STATE[2:]}
    connection.execute(
        statement.on_conflict_do_update(index_elements=segment_state.primary_key, set_=changes),
        values,
    )


def forget_segments(
    connection: Connection, stream: str, detector: str, segments: Collection[str]
) -> None:
    """Delete the baselines and the evidence of *segments*."""
    names = sorted(segments)
    for first in range(0, len(names), _AT_ONCE):
        some = names[first : first + _AT_ONCE]
        for table in (segment_state, segment_baseline):
            own = (table.c.stream == stream, table.c.detector == detector)
            connection.execute(delete(table).where(*own, table.c.segment.in_(some)))
