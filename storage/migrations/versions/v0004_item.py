"""Which picture of its message a kept event was, so that one message may have several kept.

Before this version at most one was, and no other column tells which; 0 names the first.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_INDEX = "uq_evidence_event"
_RECORD = ("stream", "segment", "kind", "topic", "partition", "record_offset")


def upgrade() -> None:
    op.add_column("evidence", sa.Column("item", sa.Integer(), nullable=False, server_default="0"))
    op.drop_index(_INDEX, table_name="evidence")
    op.create_index(_INDEX, "evidence", [*_RECORD, "item"], unique=True)


def downgrade() -> None:
    op.drop_index(_INDEX, table_name="evidence")
    op.execute("DELETE FROM evidence WHERE item > 0")
    op.create_index(_INDEX, "evidence", [*_RECORD], unique=True)
    op.drop_column("evidence", "item")
