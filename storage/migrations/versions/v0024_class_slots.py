"""Which bin of a detector's class counts stands for which class."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "class_slot",
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("detector", sa.Text(), nullable=False),
        sa.Column("slot", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("class", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["stream"], ["stream.stream"], name="fk_class_slot_stream"),
        sa.PrimaryKeyConstraint("stream", "detector", "slot", name="pk_class_slot"),
    )


def downgrade() -> None:
    op.drop_table("class_slot")
