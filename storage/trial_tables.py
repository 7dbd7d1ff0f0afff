"""The tables of trials: a detector that scores beside the active one until it is promoted or refused."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Table,
    Text,
    text,
)

from .columns import Count, ForeignText, UtcTimestamp
from .retraining_tables import check_columns
from .tables import LongText, metadata

detector_trial = Table(
    "detector_trial",
    metadata,
    Column("id", Count, primary_key=True, autoincrement=True),
    Column("stream", Text, ForeignKey("stream.stream"), nullable=False),
    Column("detector", Text, nullable=False),
    Column("basis", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("asked_by", ForeignText, nullable=False),
    Column("begun_at", UtcTimestamp, nullable=False),
    Column("counted_since", UtcTimestamp, nullable=False),
    Column("lasts_seconds", Double, nullable=False),
    Column("ended_at", UtcTimestamp),
    Column("reason", LongText, nullable=False),
    CheckConstraint("state IN ('running', 'promoted', 'refused', 'stopped')", name="state"),
    Index(None, "stream", "begun_at"),
)
Index(
    "uq_detector_trial_running",
    detector_trial.c.stream,
    unique=True,
    sqlite_where=text("state = 'running'"),
    postgresql_where=text("state = 'running'"),
)

detector_trial_check = Table(
    "detector_trial_check",
    metadata,
    Column("trial_id", Count, ForeignKey("detector_trial.id"), primary_key=True),
    *check_columns(),
)

shadow_alarm = Table(
    "shadow_alarm",
    metadata,
    Column("stream", Text, ForeignKey("stream.stream"), primary_key=True),
    Column("detector", Text, primary_key=True),
    Column("segment", ForeignText, primary_key=True),
    Column("test", Text, primary_key=True),
    Column("first_at", UtcTimestamp, nullable=False),
    Column("last_at", UtcTimestamp, nullable=False),
    Column("times", Count, nullable=False),
)
