"""The small numbers that stand for (stream, detector, segment, layer) in the counts."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, select

from .columns import stored_text
from .history_tables import series
from .upsert import upsert

SeriesKey = tuple[str, str]
"""Segment and layer, as the database keeps them."""


def series_ids(
    connection: Connection, stream: str, detector: str, keys: Collection[SeriesKey]
) -> Mapping[SeriesKey, int]:
    """Return the number of each of *keys*; a new one gets the next."""
    known = _read(connection, stream, detector, keys)
    missing = sorted({(stored_text(segment), layer) for segment, layer in keys} - known.keys())
    if not missing:
        return known
    rows = [
        {"stream": stream, "detector": detector, "segment": segment, "layer": layer}
        for segment, layer in missing
    ]
    connection.execute(upsert(connection, series).on_conflict_do_nothing(), rows)
    return _read(connection, stream, detector, keys)


def _read(
    connection: Connection, stream: str, detector: str, keys: Collection[SeriesKey]
) -> dict[SeriesKey, int]:
    table = series.c
    rows = connection.execute(
        select(table.segment, table.layer, table.id).where(
            table.stream == stream,
            table.detector == detector,
            table.segment.in_({segment for segment, _ in keys}),
        )
    )
    return {(row[0], row[1]): row[2] for row in rows}
