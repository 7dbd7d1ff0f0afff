"""When each receiver was last sent a digest; and an index on what waits, however long the history is."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True).with_variant(sa.Text, "sqlite")


def upgrade() -> None:
    op.add_column("notification_sink", sa.Column("digest_at", _TIME))
    op.create_index(
        "ix_notification_state", "notification", ["stream", "state", "sink", "transition_id"]
    )


def downgrade() -> None:
    op.drop_index("ix_notification_state", table_name="notification")
    op.drop_column("notification_sink", "digest_at")
