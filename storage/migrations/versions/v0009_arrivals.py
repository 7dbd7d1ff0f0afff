"""When each segment's events arrive, so that one that has fallen silent is told.

- ``arrival_look``: when the arrivals of a stream were last looked at, by the database's clock.
- ``arrival_pattern``: what is known of one segment's arrivals, compactly.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True).with_variant(sa.Text, "sqlite")


def upgrade() -> None:
    op.create_table(
        "arrival_look",
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("looked_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("stream", name="pk_arrival_look"),
        sa.ForeignKeyConstraint(["stream"], ["stream.stream"], name="fk_arrival_look_stream"),
    )
    op.create_table(
        "arrival_pattern",
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("segment", sa.Text(), nullable=False),
        sa.Column("pattern", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("stream", "segment", name="pk_arrival_pattern"),
        sa.ForeignKeyConstraint(["stream"], ["stream.stream"], name="fk_arrival_pattern_stream"),
    )


def downgrade() -> None:
    op.drop_table("arrival_pattern")
    op.drop_table("arrival_look")
