"""What an alert looks like, and the statistics of kept pictures that say so.

- ``evidence.pixels``: of kept events, 4 bytes a statistic; empty where only an image's taps were sent.
- ``alert.looks_like``, ``alert.faults``: which known fault the change looks like; empty for alerts from before.
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("evidence", sa.Column("pixels", sa.LargeBinary()))
    op.add_column("alert", sa.Column("looks_like", sa.Text(), nullable=False, server_default=""))
    op.add_column("alert", sa.Column("faults", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("alert", "faults")
    op.drop_column("alert", "looks_like")
    op.drop_column("evidence", "pixels")
