"""What sampling left out: how many records of a partition, and how many events of a window.

Rates stay unbiased when the share that is scored changes: an event that was scored stands for those
that were not. Before this version nothing was left out, which the default says without a rewrite.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_COUNT = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_ADDED = (
    ("score_window", "left_out"),
    ("score_window", "left_out_ood"),
    ("stream_offset", "sampled_out"),
)


def upgrade() -> None:
    for table, name in _ADDED:
        op.add_column(table, sa.Column(name, _COUNT, nullable=False, server_default="0"))


def downgrade() -> None:
    for table, name in reversed(_ADDED):
        op.drop_column(table, name)
