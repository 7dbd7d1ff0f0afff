"""Retraining: each attempt, the checks of its gate, and runs that wait for a person's word."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_COUNT = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TIME = sa.DateTime(timezone=True).with_variant(sa.Text, "sqlite")


def upgrade() -> None:
    op.create_table(
        "retraining",
        sa.Column("id", _COUNT, autoincrement=True, nullable=False),
        *(sa.Column(n, sa.Text(), nullable=False) for n in ("stream", "state", "trigger")),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("finished_at", _TIME),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("share", sa.Double(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("candidate", sa.Text()),
        sa.Column("reason", sa.Text(), nullable=False),
        *(sa.Column(name, sa.JSON(), nullable=False) for name in ("plan", "figures")),
        sa.CheckConstraint(
            "state IN ('running', 'refused', 'passed', 'failed')", name="ck_retraining_state"
        ),
        sa.ForeignKeyConstraint(["stream"], ["stream.stream"], name="fk_retraining_stream"),
        sa.PrimaryKeyConstraint("id", name="pk_retraining"),
    )
    op.create_index("ix_retraining_stream_started_at", "retraining", ["stream", "started_at"])
    op.create_table(
        "retraining_check",
        sa.Column("retraining_id", _COUNT, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("segment", sa.Text()),
        *(sa.Column(name, sa.Double()) for name in ("figure", "low", "high")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("verdict", "words")),
        sa.CheckConstraint(
            "verdict IN ('passed', 'refused', 'not checked')", name="ck_retraining_check_verdict"
        ),
        sa.ForeignKeyConstraint(
            ["retraining_id"], ["retraining.id"], name="fk_retraining_check_retraining_id"
        ),
        sa.PrimaryKeyConstraint("retraining_id", "position", name="pk_retraining_check"),
    )
    op.create_table(
        "reference_review",
        sa.Column("id", _COUNT, autoincrement=True, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("stream", "segment")),
        sa.Column("run_start", _TIME, nullable=False),
        *(sa.Column(name, _COUNT, nullable=False) for name in ("events", "unusual")),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("found_at", _TIME, nullable=False),
        sa.Column("decided_at", _TIME),
        sa.Column("decided_by", sa.Text()),
        sa.Column("note", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting', 'accepted', 'refused')", name="ck_reference_review_state"
        ),
        sa.ForeignKeyConstraint(["stream"], ["stream.stream"], name="fk_reference_review_stream"),
        sa.PrimaryKeyConstraint("id", name="pk_reference_review"),
    )
    op.create_index(
        "uq_reference_review_run",
        "reference_review",
        ["stream", "segment", "run_start"],
        unique=True,
    )


def downgrade() -> None:
    op.drop_table("reference_review")
    op.drop_table("retraining_check")
    op.drop_table("retraining")
