"""Taps that are kept to learn from: runs of windows of each segment, and the files that hold them."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_COUNT = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TIME = sa.DateTime(timezone=True).with_variant(sa.Text, "sqlite")


def upgrade() -> None:
    op.create_table(
        "kept_run",
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("segment", sa.Text(), nullable=False),
        sa.Column("run_start", _TIME, nullable=False),
        *(sa.Column(name, _COUNT, nullable=False) for name in ("priority", "events", "unusual")),
        sa.ForeignKeyConstraint(["stream"], ["stream.stream"], name="fk_kept_run_stream"),
        sa.PrimaryKeyConstraint("stream", "segment", "run_start", name="pk_kept_run"),
    )
    op.create_index("ix_kept_run_stream_run_start", "kept_run", ["stream", "run_start"])
    op.create_table(
        "kept_shard",
        sa.Column("id", _COUNT, autoincrement=True, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("run_start", _TIME, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("path", "sha256")),
        *(sa.Column(name, _COUNT, nullable=False) for name in ("bytes", "events")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("origin", "detector")),
        sa.Column("written_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["stream"], ["stream.stream"], name="fk_kept_shard_stream"),
        sa.PrimaryKeyConstraint("id", name="pk_kept_shard"),
    )
    op.create_index("uq_kept_shard_path", "kept_shard", ["stream", "path"], unique=True)
    op.create_index("ix_kept_shard_stream_run_start", "kept_shard", ["stream", "run_start"])


def downgrade() -> None:
    op.drop_table("kept_shard")
    op.drop_table("kept_run")
