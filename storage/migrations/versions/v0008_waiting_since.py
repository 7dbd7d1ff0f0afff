"""How long counts have waited to be judged, and how many events each segment sent, by the database's clock.

- ``segment_progress.waiting_since``: when the oldest count came that no turn has judged yet.
- ``segment_progress.events``: how many events were counted, so that arrivals can be told from a
  segment's progress alone, whatever its own clock says.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_COUNT = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TIME = sa.DateTime(timezone=True).with_variant(sa.Text, "sqlite")


def upgrade() -> None:
    op.add_column("segment_progress", sa.Column("waiting_since", _TIME))
    op.add_column(
        "segment_progress", sa.Column("events", _COUNT, nullable=False, server_default="0")
    )


def downgrade() -> None:
    op.drop_column("segment_progress", "events")
    op.drop_column("segment_progress", "waiting_since")
