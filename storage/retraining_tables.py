"""The tables of retraining: each attempt, the checks of its gate, and runs put aside for a person."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
)
from sqlalchemy.schema import SchemaItem

from .columns import Count, ForeignText, UtcTimestamp
from .tables import LongText, metadata

retraining = Table(
    "retraining",
    metadata,
    Column("id", Count, primary_key=True, autoincrement=True),
    Column("stream", Text, ForeignKey("stream.stream"), nullable=False),
    Column("state", Text, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("asked_by", ForeignText, nullable=False),
    Column("started_at", UtcTimestamp, nullable=False),
    Column("finished_at", UtcTimestamp),
    Column("step", Text, nullable=False),
    Column("share", Double, nullable=False),
    Column("basis", Text, nullable=False),
    Column("candidate", Text),
    Column("reason", LongText, nullable=False),
    Column("plan", JSON, nullable=False),
    Column("figures", JSON, nullable=False),
    CheckConstraint("state IN ('running', 'refused', 'passed', 'failed')", name="state"),
    Index(None, "stream", "started_at"),
)


def check_columns() -> list[SchemaItem]:
    """Return the columns of a check, beside what it is a check of."""
    return [
        Column("position", Integer, primary_key=True, autoincrement=False),
        Column("name", Text, nullable=False),
        Column("segment", ForeignText),
        Column("figure", Double),
        Column("low", Double),
        Column("high", Double),
        Column("verdict", Text, nullable=False),
        Column("words", LongText, nullable=False),
        CheckConstraint("verdict IN ('passed', 'refused', 'not checked')", name="verdict"),
    ]


retraining_check = Table(
    "retraining_check",
    metadata,
    Column("retraining_id", Count, ForeignKey("retraining.id"), primary_key=True),
    *check_columns(),
)

reference_review = Table(
    "reference_review",
    metadata,
    Column("id", Count, primary_key=True, autoincrement=True),
    Column("stream", Text, ForeignKey("stream.stream"), nullable=False),
    Column("segment", ForeignText, nullable=False),
    Column("run_start", UtcTimestamp, nullable=False),
    Column("events", Count, nullable=False),
    Column("unusual", Count, nullable=False),
    Column("state", Text, nullable=False),
    Column("found_at", UtcTimestamp, nullable=False),
    Column("decided_at", UtcTimestamp),
    Column("decided_by", ForeignText),
    Column("note", LongText, nullable=False),
    CheckConstraint("state IN ('waiting', 'accepted', 'refused')", name="state"),
    Index("uq_reference_review_run", "stream", "segment", "run_start", unique=True),
)
