"""Baselines of several components, and what quiet traffic has added to them.

- ``components``: states that are kept apart. Those of before have one.
- ``grown``, ``grown_until``, ``anchor_shift``: windows that quiet traffic brought, until when, and how far they
  lie from the rest.
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_COUNT = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TIME = sa.DateTime(timezone=True).with_variant(sa.Text, "sqlite")
_TABLE = "segment_baseline"


def upgrade() -> None:
    op.add_column(_TABLE, sa.Column("components", _COUNT, nullable=False, server_default="1"))
    op.add_column(_TABLE, sa.Column("grown", _COUNT, nullable=False, server_default="0"))
    op.add_column(_TABLE, sa.Column("grown_until", _TIME))
    op.add_column(_TABLE, sa.Column("anchor_shift", sa.Double()))


def downgrade() -> None:
    for name in ("anchor_shift", "grown_until", "grown", "components"):
        op.drop_column(_TABLE, name)
