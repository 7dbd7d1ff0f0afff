"""The tables of what is kept to learn from: runs of windows, and the files that hold their taps."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Table, Text

from .columns import Count, ForeignText, UtcTimestamp
from .tables import metadata

kept_run = Table(
    "kept_run",
    metadata,
    Column("stream", Text, ForeignKey("stream.stream"), primary_key=True),
    Column("segment", ForeignText, primary_key=True),
    Column("run_start", UtcTimestamp, primary_key=True),
    Column("priority", Count, nullable=False),
    Column("events", Count, nullable=False),
    Column("unusual", Count, nullable=False),
    Index(None, "stream", "run_start"),
)

kept_shard = Table(
    "kept_shard",
    metadata,
    Column("id", Count, primary_key=True, autoincrement=True),
    Column("stream", Text, ForeignKey("stream.stream"), nullable=False),
    Column("run_start", UtcTimestamp, nullable=False),
    Column("path", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("bytes", Count, nullable=False),
    Column("events", Count, nullable=False),
    Column("origin", Text, nullable=False),
    Column("detector", Text, nullable=False),
    Column("written_at", UtcTimestamp, nullable=False),
    Index("uq_kept_shard_path", "stream", "path", unique=True),
    Index(None, "stream", "run_start"),
)
