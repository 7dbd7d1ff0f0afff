"""When evidence was kept, by the database's clock, which says when it is deleted: events may be dated at any time.

``evidence.kept_at`` is empty for what was kept before; of that the date of the event counts.
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True).with_variant(sa.Text, "sqlite")


def upgrade() -> None:
    op.add_column("evidence", sa.Column("kept_at", _TIME))
    op.create_index("ix_evidence_stream_kept_at", "evidence", ["stream", "kept_at"])


def downgrade() -> None:
    op.drop_index("ix_evidence_stream_kept_at", "evidence")
    op.drop_column("evidence", "kept_at")
