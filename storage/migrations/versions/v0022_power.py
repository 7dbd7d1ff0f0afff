"""How soon each segment's tests would tell a change, measured beside the monitor's turns."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("segment_baseline", sa.Column("power", sa.LargeBinary))


def downgrade() -> None:
    op.drop_column("segment_baseline", "power")
