"""What is normal in each segment, stored once; evidence in a row a segment and test; a cursor a detector.

- ``segment_baseline``: of each segment and detector. Those that were learnt from traffic are measured again
  from the windows, once, by the agent that judges next.
- ``segment_state``: evidence and what else the monitor keeps of a segment. Learning, quiet windows of live
  alerts and late counts are kept; the evidence itself is gathered anew, as after any change of a test.
- ``monitor_state``: one row for each detector. Evidence of two detectors no longer resets each other's.
"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_COUNT = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TIME = sa.DateTime(timezone=True).with_variant(sa.Text, "sqlite")


def upgrade() -> None:
    op.create_table(
        "segment_baseline",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("stream", "detector", "segment")),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", _TIME, nullable=False),
        sa.Column("events", _COUNT, nullable=False),
        sa.Column("effective_events", sa.Double(), nullable=False),
        sa.Column("windows", _COUNT, nullable=False),
        sa.Column("begins", _TIME),
        sa.Column("until", _TIME),
        sa.Column("tests", sa.Text(), nullable=False),
        sa.Column("measured", sa.LargeBinary(), nullable=False),
        sa.Column("reference", sa.LargeBinary(), nullable=False),
        sa.Column("revision", _COUNT, nullable=False),
        sa.CheckConstraint(
            "source IN ('fit', 'learnt', 'accepted', 'shadow')", name="ck_segment_baseline_source"
        ),
        sa.PrimaryKeyConstraint("stream", "detector", "segment", name="pk_segment_baseline"),
        sa.ForeignKeyConstraint(["stream"], ["stream.stream"], name="fk_segment_baseline_stream"),
    )
    op.create_table(
        "segment_state",
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("stream", "detector", "segment", "test")
        ),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("baseline_revision", _COUNT, nullable=False),
        sa.Column("nearness", sa.Double()),
        sa.PrimaryKeyConstraint("stream", "detector", "segment", "test", name="pk_segment_state"),
        sa.ForeignKeyConstraint(["stream"], ["stream.stream"], name="fk_segment_state_stream"),
    )
    _take_over()


def _take_over() -> None:
    """Give the cursor to the detector whose evidence it was, and keep what each segment has learnt."""
    connection = op.get_bind()
    old = connection.execute(sa.text("SELECT stream, judged_until, state FROM monitor_state")).all()
    op.drop_table("monitor_state")
    op.create_table(
        "monitor_state",
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("detector", sa.Text(), nullable=False),
        sa.Column("judged_until", _TIME, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("stream", "detector", name="pk_monitor_state"),
        sa.ForeignKeyConstraint(["stream"], ["stream.stream"], name="fk_monitor_state_stream"),
    )
    for row in old:
        kept = json.loads(row.state) if row.state else {}
        detector = kept.get("detector") or _active_detector(connection, row.stream)
        connection.execute(
            sa.text("INSERT INTO monitor_state VALUES (:stream, :detector, :judged_until, '{}')"),
            {"stream": row.stream, "detector": detector, "judged_until": row.judged_until},
        )
        _keep_segments(connection, row.stream, detector, kept)


def _active_detector(connection: sa.Connection, stream: str) -> str:
    query = sa.text("SELECT detector FROM detector WHERE stream = :stream AND active")
    return connection.scalar(query, {"stream": stream}) or ""


def _keep_segments(
    connection: sa.Connection, stream: str, detector: str, kept: dict[str, Any]
) -> None:
    segments, lessons = kept.get("segments", {}), kept.get("learning", {})
    for segment in sorted({*segments, *lessons}):
        state = segments.get(segment, {})
        state = state.get("memory", state)
        memory = {name: state[name] for name in ("quiet", "looks", "late") if name in state}
        if not isinstance(memory.get("quiet", {}), dict):
            del memory["quiet"]
        if segment in lessons:
            memory["lesson"] = lessons[segment]
        connection.execute(
            sa.text(
                "INSERT INTO segment_state "
                "(stream, detector, segment, test, content, baseline_revision, nearness) "
                "VALUES (:stream, :detector, :segment, '*', :content, 0, :nearness)"
            ),
            {
                "stream": stream,
                "detector": detector,
                "segment": segment,
                "content": json.dumps(memory).encode(),
                "nearness": state.get("nearness"),
            },
        )


def downgrade() -> None:
    op.drop_table("segment_state")
    op.drop_table("segment_baseline")
    connection = op.get_bind()
    query = "SELECT stream, max(judged_until) AS judged_until FROM monitor_state GROUP BY stream"
    rows = connection.execute(sa.text(query)).all()
    op.drop_table("monitor_state")
    op.create_table(
        "monitor_state",
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("judged_until", _TIME, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("stream", name="pk_monitor_state"),
        sa.ForeignKeyConstraint(["stream"], ["stream.stream"], name="fk_monitor_state_stream"),
    )
    for row in rows:
        connection.execute(
            sa.text("INSERT INTO monitor_state VALUES (:stream, :judged_until, '{}')"),
            {"stream": row.stream, "judged_until": row.judged_until},
        )
