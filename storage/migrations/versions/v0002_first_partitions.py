"""How many partitions a topic had when its stream was first read.

One that is added later is read from its first record, also by an agent that was not running then; the
database must tell it from one that the stream has simply not reached yet.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("stream", sa.Column("first_partitions", sa.Integer()))


def downgrade() -> None:
    op.drop_column("stream", "first_partitions")
