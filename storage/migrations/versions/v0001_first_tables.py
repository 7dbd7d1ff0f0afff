"""The first tables: streams, detectors, windows, evidence, alerts, offsets, leases.

A migration repeats what it creates and never reads tables.py, so that it stays what it was.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_COUNT = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_REAL: sa.types.TypeEngine[Any] = sa.Double()
_TIME = sa.DateTime(timezone=True).with_variant(sa.Text, "sqlite")


def upgrade() -> None:
    _create_streams()
    _create_windows()
    _create_evidence()
    _create_alerts()
    _create_positions()


def downgrade() -> None:
    for table in (
        *("lease", "score_summary", "monitor_state", "stream_offset", "alert_transition"),
        *("alert", "evidence", "score_window", "detector", "stream"),
    ):
        op.drop_table(table)


def _required(*columns: tuple[str, sa.types.TypeEngine[Any]]) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=False) for name, kind in columns]


def _of_stream(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["stream"], ["stream.stream"], name=f"fk_{table}_stream")


def _create_streams() -> None:
    text = sa.Text()
    op.create_table(
        "stream",
        *_required(
            ("stream", text),
            ("topic", text),
            ("window_seconds", sa.Integer()),
            ("created_at", _TIME),
        ),
        sa.PrimaryKeyConstraint("stream", name="pk_stream"),
    )
    op.create_table(
        "detector",
        *_required(("stream", text), ("detector", text), ("uri", text), ("created_at", _TIME)),
        *_required(("active", sa.Boolean()), ("manifest", sa.JSON())),
        sa.PrimaryKeyConstraint("stream", "detector", name="pk_detector"),
        _of_stream("detector"),
    )
    op.create_index(
        "uq_detector_active",
        "detector",
        ["stream"],
        unique=True,
        sqlite_where=sa.text("active"),
        postgresql_where=sa.text("active"),
    )


def _create_windows() -> None:
    text, real = sa.Text(), _REAL
    op.create_table(
        "score_window",
        *_required(("stream", text), ("detector", text), ("window_start", _TIME)),
        *_required(("segment", text), ("layer", text), ("events", _COUNT)),
        *_required(*((f"bin_{b:02d}", _COUNT) for b in range(18))),
        *_required(("score_sum", real), ("score_sum_squares", real)),
        *_required(("score_min", real), ("score_max", real)),
        sa.PrimaryKeyConstraint(
            *("stream", "detector", "window_start", "segment", "layer"), name="pk_score_window"
        ),
        _of_stream("score_window"),
    )
    op.create_index(
        "ix_score_window_stream_layer_segment_window_start",
        "score_window",
        ["stream", "layer", "segment", "window_start"],
    )


def _create_evidence() -> None:
    text = sa.Text()
    op.create_table(
        "evidence",
        sa.Column("id", _COUNT, autoincrement=True, nullable=False),
        *_required(("stream", text), ("detector", text), ("segment", text)),
        *_required(("window_start", _TIME), ("kind", text), ("topic", text)),
        *_required(("partition", sa.Integer()), ("record_offset", _COUNT), ("event_id", text)),
        *_required(("event_time", _TIME), ("p_value", sa.Double()), ("layer_p_values", sa.JSON())),
        sa.Column("thumbnail", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("id", name="pk_evidence"),
        sa.CheckConstraint("kind IN ('unusual', 'typical')", name="ck_evidence_kind"),
        _of_stream("evidence"),
    )
    event = ["stream", "segment", "kind", "topic", "partition", "record_offset"]
    op.create_index("uq_evidence_event", "evidence", event, unique=True)
    op.create_index("ix_evidence_stream_event_time", "evidence", ["stream", "event_time"])


def _create_alerts() -> None:
    text, real = sa.Text(), _REAL
    op.create_table(
        "alert",
        sa.Column("id", _COUNT, autoincrement=True, nullable=False),
        *_required(("stream", text), ("segment", text), ("test", text), ("detector", text)),
        *_required(("state", text), ("severity", text), ("opened_at", _TIME), ("since", _TIME)),
        *_required(("window_start", _TIME), ("refreshed_at", _TIME)),
        sa.Column("resolved_at", _TIME),
        *_required(("rate_now", real), ("rate_normal", real), ("events", _COUNT)),
        *_required(("layers", sa.JSON()), ("message", text)),
        sa.PrimaryKeyConstraint("id", name="pk_alert"),
        sa.CheckConstraint("state IN ('open', 'acknowledged', 'resolved')", name="ck_alert_state"),
        sa.CheckConstraint("severity IN ('info', 'warning', 'critical')", name="ck_alert_severity"),
        _of_stream("alert"),
    )
    op.create_index("ix_alert_stream_opened_at", "alert", ["stream", "opened_at"])
    op.create_index(
        "uq_alert_live",
        "alert",
        ["stream", "segment", "test"],
        unique=True,
        sqlite_where=sa.text("state <> 'resolved'"),
        postgresql_where=sa.text("state <> 'resolved'"),
    )
    op.create_table(
        "alert_transition",
        sa.Column("id", _COUNT, autoincrement=True, nullable=False),
        *_required(("alert_id", _COUNT)),
        sa.Column("from_state", text),
        *_required(("to_state", text), ("changed_at", _TIME), ("actor", text), ("note", text)),
        sa.PrimaryKeyConstraint("id", name="pk_alert_transition"),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], name="fk_alert_transition_alert_id"),
    )
    op.create_index("ix_alert_transition_alert_id", "alert_transition", ["alert_id"])


def _create_positions() -> None:
    text, real = sa.Text(), _REAL
    op.create_table(
        "stream_offset",
        *_required(("stream", text), ("topic", text), ("partition", sa.Integer())),
        *_required(("next_offset", _COUNT)),
        sa.Column("event_time_max", _TIME),
        *_required(("flushed_at", _TIME)),
        sa.PrimaryKeyConstraint("stream", "topic", "partition", name="pk_stream_offset"),
        _of_stream("stream_offset"),
    )
    op.create_table(
        "monitor_state",
        *_required(("stream", text), ("judged_until", _TIME), ("state", text)),
        sa.PrimaryKeyConstraint("stream", name="pk_monitor_state"),
        _of_stream("monitor_state"),
    )
    statistics = ("mean", "variance", "minimum", "maximum", "p05", "p50", "p95")
    op.create_table(
        "score_summary",
        *_required(("stream", text), ("layer", text), ("detector", text), ("events", _COUNT)),
        *(sa.Column(name, real) for name in statistics),
        *_required(("flushed_at", _TIME)),
        sa.PrimaryKeyConstraint("stream", "layer", name="pk_score_summary"),
        _of_stream("score_summary"),
    )
    op.create_table(
        "lease",
        *_required(("name", text), ("holder", text), ("expires_at", _TIME)),
        sa.PrimaryKeyConstraint("name", name="pk_lease"),
    )
