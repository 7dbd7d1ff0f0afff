"""The database's own id, which agents note beside the offsets that they commit to Kafka.

Two databases on one consumer group each get a part of the events; by the id they find each other out.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "identity",
        sa.Column("one", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("one", name="pk_identity"),
        sa.CheckConstraint("one = 1", name="ck_identity_one"),
    )


def downgrade() -> None:
    op.drop_table("identity")
