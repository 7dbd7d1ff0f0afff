"""How far each segment has come, so that no camera's clock holds, hurries or blinds another's judging.

- ``segment_progress``: the newest event of each segment, when it was counted by the database's clock,
  and which of its windows are judged. Windows that the monitor had judged stay judged.
- ``late_count``: what was counted for a window after it was judged, until the next turn judges it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_COUNT = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TIME = sa.DateTime(timezone=True).with_variant(sa.Text, "sqlite")
_BINS = tuple(f"bin_{b:02d}" for b in range(18))


def upgrade() -> None:
    op.create_table(
        "segment_progress",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("stream", "detector", "segment")),
        sa.Column("event_time_max", _TIME, nullable=False),
        sa.Column("counted_at", _TIME, nullable=False),
        sa.Column("clock_offset_seconds", sa.Double()),
        sa.Column("claimed_until", _TIME),
        sa.Column("judged_until", _TIME),
        sa.Column("claims", _COUNT, nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("stream", "detector", "segment", name="pk_segment_progress"),
        sa.ForeignKeyConstraint(["stream"], ["stream.stream"], name="fk_segment_progress_stream"),
    )
    op.create_table(
        "late_count",
        sa.Column("id", _COUNT, autoincrement=True, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("stream", "detector", "segment")),
        sa.Column("layer", sa.Text(), nullable=False),
        sa.Column("window_start", _TIME, nullable=False),
        *(sa.Column(name, _COUNT, nullable=False) for name in _BINS),
        sa.PrimaryKeyConstraint("id", name="pk_late_count"),
        sa.ForeignKeyConstraint(["stream"], ["stream.stream"], name="fk_late_count_stream"),
    )
    op.create_index(
        "ix_late_count_stream_detector_segment", "late_count", ["stream", "detector", "segment"]
    )
    _take_over()


def downgrade() -> None:
    op.drop_table("late_count")
    op.drop_table("segment_progress")


def _take_over() -> None:
    """Let every segment stand where the monitor stood: a window that it judged is not judged again."""
    op.execute(
        "INSERT INTO segment_progress (stream, detector, segment, event_time_max, counted_at, "
        "claimed_until, judged_until) "
        "SELECT w.stream, w.detector, w.segment, max(w.window_start), max(w.window_start), "
        "max(m.judged_until), max(m.judged_until) "
        "FROM score_window w LEFT JOIN monitor_state m ON m.stream = w.stream "
        "WHERE w.layer = '*' GROUP BY w.stream, w.detector, w.segment"
    )
