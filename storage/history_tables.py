"""The tables of the history: names once in ``series``, counts keyed by them."""

from __future__ import annotations

from sqlalchemy import (
    REAL,
    Column,
    Double,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from .columns import ForeignText, UtcSecond
from .tables import BINS, metadata

series = Table(
    "series",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("stream", Text, ForeignKey("stream.stream"), nullable=False),
    Column("detector", Text, nullable=False),
    Column("segment", ForeignText, nullable=False),
    Column("layer", Text, nullable=False),
    UniqueConstraint("stream", "detector", "segment", "layer"),
)


def _counts(name: str) -> Table:
    """Return a table of counts by time and series.

    Rows follow each other by time, so that a flush writes neighbouring pages. A count of 0 is stored
    as NULL, which takes no space. PostgreSQL has the counts by window in a partition a day with a BRIN
    index on the time instead of the key; the locks of `segment_progress` keep two flushes from adding
    one row twice.
    """
    return Table(
        name,
        metadata,
        Column("window_start", UtcSecond, primary_key=True),
        Column("series", Integer, primary_key=True, autoincrement=False),
        Column("events", Integer, nullable=False),
        Column("score_max", REAL, nullable=False),
        Column("score_sum", Double, nullable=False),
        Column("left_out", Integer),
        Column("left_out_ood", Integer),
        *(Column(name, Integer) for name in BINS),
        sqlite_with_rowid=False,
    )


window_counts = _counts("window_counts")
hour_counts = _counts("hour_counts")
day_counts = _counts("day_counts")

history_level = Table(
    "history_level",
    metadata,
    Column("level", Text, primary_key=True),
    *(
        Column(name, UtcSecond, nullable=False)
        for name in ("rolled_until", "whole_until", "kept_from")
    ),
)

retention = Table(
    "retention",
    metadata,
    Column("stream", Text, ForeignKey("stream.stream"), primary_key=True),
    Column("level", Text, primary_key=True),
    Column("keep_days", Double),
)

sqlite_metadata = MetaData(naming_convention=metadata.naming_convention)
"""What SQLite alone has."""

moment = Table(
    "moment",
    sqlite_metadata,
    Column("second", UtcSecond, primary_key=True),
    Column("window_start", Text, nullable=False, index=True),
)
"""The text of each time in the counts, which a condition in SQL finds by its index."""
