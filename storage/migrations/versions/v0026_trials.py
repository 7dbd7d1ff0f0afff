"""Trials of detectors that score beside the active one, their checks, and where they would have raised alerts."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_COUNT = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TIME = sa.DateTime(timezone=True).with_variant(sa.Text, "sqlite")
_RUNNING = sa.text("state = 'running'")


def upgrade() -> None:
    op.create_table(
        "detector_trial",
        sa.Column("id", _COUNT, autoincrement=True, nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("stream", "detector", "basis", "state", "asked_by")
        ),
        *(sa.Column(name, _TIME, nullable=False) for name in ("begun_at", "counted_since")),
        sa.Column("lasts_seconds", sa.Double(), nullable=False),
        sa.Column("ended_at", _TIME),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('running', 'promoted', 'refused', 'stopped')", name="ck_detector_trial_state"
        ),
        sa.ForeignKeyConstraint(["stream"], ["stream.stream"], name="fk_detector_trial_stream"),
        sa.PrimaryKeyConstraint("id", name="pk_detector_trial"),
    )
    op.create_index("ix_detector_trial_stream_begun_at", "detector_trial", ["stream", "begun_at"])
    op.create_index(
        "uq_detector_trial_running",
        "detector_trial",
        ["stream"],
        unique=True,
        sqlite_where=_RUNNING,
        postgresql_where=_RUNNING,
    )
    op.create_table(
        "detector_trial_check",
        sa.Column("trial_id", _COUNT, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("segment", sa.Text()),
        *(sa.Column(name, sa.Double()) for name in ("figure", "low", "high")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("verdict", "words")),
        sa.CheckConstraint(
            "verdict IN ('passed', 'refused', 'not checked')",
            name="ck_detector_trial_check_verdict",
        ),
        sa.ForeignKeyConstraint(
            ["trial_id"], ["detector_trial.id"], name="fk_detector_trial_check_trial_id"
        ),
        sa.PrimaryKeyConstraint("trial_id", "position", name="pk_detector_trial_check"),
    )
    op.create_table(
        "shadow_alarm",
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("stream", "detector", "segment", "test")
        ),
        *(sa.Column(name, _TIME, nullable=False) for name in ("first_at", "last_at")),
        sa.Column("times", _COUNT, nullable=False),
        sa.ForeignKeyConstraint(["stream"], ["stream.stream"], name="fk_shadow_alarm_stream"),
        sa.PrimaryKeyConstraint("stream", "detector", "segment", "test", name="pk_shadow_alarm"),
    )


def downgrade() -> None:
    op.drop_table("shadow_alarm")
    op.drop_table("detector_trial_check")
    op.drop_table("detector_trial")
