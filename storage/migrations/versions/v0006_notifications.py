"""Deliveries of alerts: which step of which alert each sink has been told.

The steps themselves are in ``alert_transition``; a sink that is set up later begins at the step after
``after_transition``.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_COUNT = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TIME = sa.DateTime(timezone=True).with_variant(sa.Text, "sqlite")


def upgrade() -> None:
    op.create_table(
        "notification_sink",
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("sink", sa.Text(), nullable=False),
        sa.Column("after_transition", _COUNT, nullable=False),
        sa.ForeignKeyConstraint(["stream"], ["stream.stream"], name="fk_notification_sink_stream"),
        sa.PrimaryKeyConstraint("stream", "sink", name="pk_notification_sink"),
    )
    op.create_table(
        "notification",
        sa.Column("id", _COUNT, autoincrement=True, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("sink", sa.Text(), nullable=False),
        sa.Column("transition_id", _COUNT, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("finished_at", _TIME),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(
            "state IN ('pending', 'sent', 'skipped', 'dead')", name=op.f("ck_notification_state")
        ),
        sa.ForeignKeyConstraint(["stream"], ["stream.stream"], name="fk_notification_stream"),
        sa.ForeignKeyConstraint(
            ["transition_id"], ["alert_transition.id"], name="fk_notification_transition_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_notification"),
    )
    op.create_index(
        "uq_notification_transition",
        "notification",
        ["stream", "sink", "transition_id"],
        unique=True,
    )


def downgrade() -> None:
    op.drop_index("uq_notification_transition", table_name="notification")
    op.drop_table("notification")
    op.drop_table("notification_sink")
