"""The tables; docs/sql.md explains each to people."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

from .columns import Count, ForeignText, UtcTimestamp
from .histogram import DEFAULT_ALPHA, N_BINS

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

LongText = ForeignText(max_characters=10_000)
"""What a person wrote or reads."""

BINS = tuple(f"bin_{b:02d}" for b in range(N_BINS))


def _stream_column(*, primary_key: bool = False) -> Column[str]:
    return Column("stream", Text, ForeignKey("stream.stream"), primary_key=primary_key)


stream = Table(
    "stream",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("topic", Text, nullable=False),
    Column("window_seconds", Integer, nullable=False),
    Column("created_at", UtcTimestamp, nullable=False),
    Column("first_partitions", Integer),
    Column("alpha", Double, nullable=False, server_default=str(DEFAULT_ALPHA)),
)

detector = Table(
    "detector",
    metadata,
    _stream_column(primary_key=True),
    Column("detector", Text, primary_key=True),
    Column("uri", Text, nullable=False),
    Column("created_at", UtcTimestamp, nullable=False),
    Column("manifest", JSON, nullable=False),
    Column("status", Text, nullable=False),
    Column("pruned_at", UtcTimestamp),
    CheckConstraint(
        "status IN ('candidate', 'refused', 'shadow', 'active', 'retired')", name="status"
    ),
)
for _status in ("active", "shadow"):
    Index(
        f"uq_detector_{_status}",
        detector.c.stream,
        unique=True,
        sqlite_where=text(f"status = '{_status}'"),
        postgresql_where=text(f"status = '{_status}'"),
    )

detector_change = Table(
    "detector_change",
    metadata,
    Column("id", Count, primary_key=True, autoincrement=True),
    Column("stream", Text, ForeignKey("stream.stream"), nullable=False),
    Column("detector", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("from_status", Text),
    Column("to_status", Text, nullable=False),
    Column("changed_at", UtcTimestamp, nullable=False),
    Column("actor", ForeignText, nullable=False),
    Column("note", LongText, nullable=False),
    Index(None, "stream", "detector"),
)

class_slot = Table(
    "class_slot",
    metadata,
    _stream_column(primary_key=True),
    Column("detector", Text, primary_key=True),
    Column("slot", Integer, primary_key=True, autoincrement=False),
    Column("class", ForeignText, nullable=False),
)

evidence = Table(
    "evidence",
    metadata,
    Column("id", Count, primary_key=True, autoincrement=True),
    Column("stream", Text, ForeignKey("stream.stream"), nullable=False),
    Column("detector", Text, nullable=False),
    Column("segment", ForeignText, nullable=False),
    Column("window_start", UtcTimestamp, nullable=False),
    Column("kind", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("record_offset", Count, nullable=False),
    Column("event_id", ForeignText, nullable=False),
    Column("event_time", UtcTimestamp, nullable=False),
    Column("p_value", Double, nullable=False),
    Column("layer_p_values", JSON, nullable=False),
    Column("thumbnail", LargeBinary),
    Column("item", Integer, nullable=False, server_default="0"),
    Column("pixels", LargeBinary),
    Column("kept_at", UtcTimestamp),
    CheckConstraint("kind IN ('unusual', 'typical')", name="kind"),
    Index(
        "uq_evidence_event",
        *("stream", "segment", "kind", "topic", "partition", "record_offset", "item"),
        "window_start",
        unique=True,
    ),
    Index(None, "stream", "event_time"),
    Index(None, "stream", "kept_at"),
)

alert = Table(
    "alert",
    metadata,
    Column("id", Count, primary_key=True, autoincrement=True),
    Column("stream", Text, ForeignKey("stream.stream"), nullable=False),
    Column("segment", ForeignText, nullable=False),
    Column("test", Text, nullable=False),
    Column("detector", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("opened_at", UtcTimestamp, nullable=False),
    Column("since", UtcTimestamp, nullable=False),
    Column("window_start", UtcTimestamp, nullable=False),
    Column("refreshed_at", UtcTimestamp, nullable=False),
    Column("resolved_at", UtcTimestamp),
    Column("rate_now", Double, nullable=False),
    Column("rate_normal", Double, nullable=False),
    Column("events", Count, nullable=False),
    Column("layers", JSON, nullable=False),
    Column("message", LongText, nullable=False),
    Column("rate_peak", Double, nullable=False, server_default="0"),
    Column("reopened", Integer, nullable=False, server_default="0"),
    Column("log_e_value", Double),
    Column("verdict", Text),
    Column("incident_id", Count, index=True),  # no foreign key: the incident refers back
    Column("judged_by", Text),
    Column("looks_like", LongText, nullable=False, server_default=""),
    Column("faults", JSON, nullable=False, server_default="[]"),
    CheckConstraint("state IN ('open', 'acknowledged', 'resolved', 'gone')", name="state"),
    CheckConstraint("severity IN ('info', 'warning', 'critical')", name="severity"),
    CheckConstraint("verdict IN ('real', 'false', 'accepted')", name="verdict"),
    Index(None, "stream", "opened_at"),
)
Index(
    "uq_alert_live",
    alert.c.stream,
    alert.c.segment,
    alert.c.test,
    unique=True,
    sqlite_where=text("state IN ('open', 'acknowledged')"),
    postgresql_where=text("state IN ('open', 'acknowledged')"),
)

incident = Table(
    "incident",
    metadata,
    Column("id", Count, primary_key=True, autoincrement=True),
    Column("stream", Text, ForeignKey("stream.stream"), nullable=False),
    Column("state", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("opened_at", UtcTimestamp, nullable=False),
    Column("since", UtcTimestamp, nullable=False),
    Column("until", UtcTimestamp, nullable=False),
    Column("resolved_at", UtcTimestamp),
    Column("first_alert_id", Count, ForeignKey("alert.id"), nullable=False),
    Column("members", Integer, nullable=False),
    Column("live", Integer, nullable=False),
    Column("key", Text),
    Column("changed", Integer, nullable=False),
    Column("known", Integer, nullable=False),
    Column("cause", LongText),
    Column("told_members", Integer, nullable=False),
    Column("told_live", Integer, nullable=False),
    CheckConstraint("state IN ('open', 'acknowledged', 'resolved', 'gone')", name="state"),
    CheckConstraint("severity IN ('info', 'warning', 'critical')", name="severity"),
    Index(None, "stream", "opened_at"),
)

incident_step = Table(
    "incident_step",
    metadata,
    Column("id", Count, primary_key=True, autoincrement=True),
    Column("incident_id", Count, ForeignKey("incident.id"), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("changed_at", UtcTimestamp, nullable=False),
    Column("actor", ForeignText, nullable=False),
    Column("note", LongText, nullable=False),
)

alert_transition = Table(
    "alert_transition",
    metadata,
    Column("id", Count, primary_key=True, autoincrement=True),
    Column("alert_id", Count, ForeignKey("alert.id"), nullable=False, index=True),
    Column("from_state", Text),
    Column("to_state", Text, nullable=False),
    Column("changed_at", UtcTimestamp, nullable=False),
    Column("actor", ForeignText, nullable=False),
    Column("note", LongText, nullable=False),
)

mute = Table(
    "mute",
    metadata,
    Column("id", Count, primary_key=True, autoincrement=True),
    Column("stream", Text, ForeignKey("stream.stream"), nullable=False, index=True),
    Column("segment", ForeignText),
    Column("created_at", UtcTimestamp, nullable=False),
    Column("expires_at", UtcTimestamp),
    Column("actor", ForeignText, nullable=False),
    Column("reason", LongText, nullable=False),
    Column("ended_at", UtcTimestamp),
    Column("ended_by", ForeignText),
)

notification_sink = Table(
    "notification_sink",
    metadata,
    _stream_column(primary_key=True),
    Column("sink", Text, primary_key=True),
    Column("after_step", Count, nullable=False),
    Column("digest_at", UtcTimestamp),
)

notification = Table(
    "notification",
    metadata,
    Column("id", Count, primary_key=True, autoincrement=True),
    Column("stream", Text, ForeignKey("stream.stream"), nullable=False),
    Column("sink", Text, nullable=False),
    Column("step_id", Count, ForeignKey("incident_step.id"), nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", UtcTimestamp, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("finished_at", UtcTimestamp),
    Column("last_error", ForeignText, nullable=False, server_default=""),
    CheckConstraint("state IN ('pending', 'sent', 'skipped', 'dead')", name="state"),
    Index("uq_notification_step", "stream", "sink", "step_id", unique=True),
    Index("ix_notification_state", "stream", "state", "sink", "step_id"),
)

stream_offset = Table(
    "stream_offset",
    metadata,
    _stream_column(primary_key=True),
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("next_offset", Count, nullable=False),
    Column("event_time_max", UtcTimestamp),
    Column("flushed_at", UtcTimestamp, nullable=False),
    Column("sampled_out", Count, nullable=False, server_default="0"),
    Column("topic_id", Text),
)

segment_progress = Table(
    "segment_progress",
    metadata,
    _stream_column(primary_key=True),
    Column("detector", Text, primary_key=True),
    Column("segment", ForeignText, primary_key=True),
    Column("event_time_max", UtcTimestamp, nullable=False),
    Column("counted_at", UtcTimestamp, nullable=False),
    Column("clock_offset_seconds", Double),
    Column("claimed_until", UtcTimestamp),
    Column("judged_until", UtcTimestamp),
    Column("claims", Count, nullable=False, server_default="0"),
    Column("waiting_since", UtcTimestamp),
    Column("events", Count, nullable=False, server_default="0"),
)

arrival_look = Table(
    "arrival_look",
    metadata,
    _stream_column(primary_key=True),
    Column("looked_at", UtcTimestamp, nullable=False),
)

arrival_pattern = Table(
    "arrival_pattern",
    metadata,
    _stream_column(primary_key=True),
    Column("segment", ForeignText, primary_key=True),
    Column("pattern", LargeBinary, nullable=False),
)

late_count = Table(
    "late_count",
    metadata,
    Column("id", Count, primary_key=True, autoincrement=True),
    Column("stream", Text, ForeignKey("stream.stream"), nullable=False),
    Column("detector", Text, nullable=False),
    Column("segment", ForeignText, nullable=False),
    Column("layer", Text, nullable=False),
    Column("window_start", UtcTimestamp, nullable=False),
    *(Column(name, Count, nullable=False) for name in BINS),
    Index(None, "stream", "detector", "segment"),
)

monitor_state = Table(
    "monitor_state",
    metadata,
    _stream_column(primary_key=True),
    Column("detector", Text, primary_key=True),
    Column("judged_until", UtcTimestamp, nullable=False),
    Column("state", Text, nullable=False),
)

segment_baseline = Table(
    "segment_baseline",
    metadata,
    _stream_column(primary_key=True),
    Column("detector", Text, primary_key=True),
    Column("segment", ForeignText, primary_key=True),
    Column("source", Text, nullable=False),
    Column("made_by", ForeignText, nullable=False),
    Column("made_at", UtcTimestamp, nullable=False),
    Column("events", Count, nullable=False),
    Column("effective_events", Double, nullable=False),
    Column("windows", Count, nullable=False),
    Column("begins", UtcTimestamp),
    Column("until", UtcTimestamp),
    Column("components", Count, nullable=False, server_default="1"),
    Column("grown", Count, nullable=False, server_default="0"),
    Column("grown_until", UtcTimestamp),
    Column("anchor_shift", Double),
    Column("tests", Text, nullable=False),
    Column("measured", LargeBinary, nullable=False),
    Column("reference", LargeBinary, nullable=False),
    Column("revision", Count, nullable=False),
    Column("power", LargeBinary),
    CheckConstraint("source IN ('fit', 'learnt', 'accepted', 'shadow')", name="source"),
)

segment_state = Table(
    "segment_state",
    metadata,
    _stream_column(primary_key=True),
    Column("detector", Text, primary_key=True),
    Column("segment", ForeignText, primary_key=True),
    Column("test", Text, primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("baseline_revision", Count, nullable=False),
    Column("nearness", Double),
)

score_summary = Table(
    "score_summary",
    metadata,
    _stream_column(primary_key=True),
    Column("layer", Text, primary_key=True),
    Column("detector", Text, nullable=False),
    Column("events", Count, nullable=False),
    *(
        Column(name, Double)
        for name in ("mean", "variance", "minimum", "maximum", "p05", "p50", "p95")
    ),
    Column("flushed_at", UtcTimestamp, nullable=False),
)

lease = Table(
    "lease",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("expires_at", UtcTimestamp, nullable=False),
    Column("renewed_at", UtcTimestamp),
)

agent = Table(
    "agent",
    metadata,
    Column("agent", Text, primary_key=True),
    Column("stream", Text, ForeignKey("stream.stream"), nullable=False, index=True),
    Column("host", ForeignText, nullable=False),
    Column("version", Text, nullable=False),
    Column("condition", ForeignText, nullable=False),
    Column("started_at", UtcTimestamp, nullable=False),
    Column("seen_at", UtcTimestamp, nullable=False),
    Column("last_flush_at", UtcTimestamp),
    Column("lag_messages", Count),
    Column("lag_seconds", Double),
    Column("dead_letters", Count, nullable=False),
    Column("dead_letter_reason", LongText),
    Column("detector", Text),
    Column("detector_at", UtcTimestamp),
    Column("shadow", Text),
    Column("detector_problem", LongText),
)

identity = Table(
    "identity",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    CheckConstraint("one = 1", name="one"),
)

view_definition = Table(
    "view_definition",
    metadata,
    Column("view", Text, primary_key=True),
    Column("digest", Text, nullable=False),
)
