"""Which agents live, which topic an offset is of, and what "out of distribution" means.

- ``agent``: a row a running agent, so that silence can be told from health.
- ``stream_offset.topic_id``: a topic that was deleted and made anew has another id, and old offsets
  mean nothing in it. Offsets from before this version have none; the next agent notes it.
- ``stream.alpha``: was 0.01 in every view and every estimate, whatever the settings said.
- ``lease.renewed_at``: leases are timed by the database's clock. The old rows were timed by agents'
  clocks, so they go: a lease lasts seconds, and is taken anew.
- ``view_definition``: which text each view was made of, so that a changed one is made again.
- Evidence of a topic made anew may have an old offset again; its window tells the two apart.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_COUNT = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TIME = sa.DateTime(timezone=True).with_variant(sa.Text, "sqlite")
_INDEX = "uq_evidence_event"
_RECORD = ("stream", "segment", "kind", "topic", "partition", "record_offset", "item")


def upgrade() -> None:
    _create_agents()
    op.add_column("stream_offset", sa.Column("topic_id", sa.Text()))
    op.add_column("stream", sa.Column("alpha", sa.Double(), nullable=False, server_default="0.01"))
    op.execute("DELETE FROM lease")
    op.add_column("lease", sa.Column("renewed_at", _TIME))
    op.create_table(
        "view_definition",
        sa.Column("view", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("view", name="pk_view_definition"),
    )
    _index_evidence(*_RECORD, "window_start")


def downgrade() -> None:
    duplicate = (
        "DELETE FROM evidence WHERE id NOT IN "
        f"(SELECT max(id) FROM evidence GROUP BY {', '.join(_RECORD)})"
    )
    op.execute(duplicate)
    _index_evidence(*_RECORD)
    op.drop_table("view_definition")
    op.drop_column("lease", "renewed_at")
    op.drop_column("stream", "alpha")
    op.drop_column("stream_offset", "topic_id")
    op.drop_table("agent")


def _create_agents() -> None:
    op.create_table(
        "agent",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("agent", "stream")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("host", "version", "condition")),
        *(sa.Column(name, _TIME, nullable=False) for name in ("started_at", "seen_at")),
        sa.Column("last_flush_at", _TIME),
        sa.Column("lag_messages", _COUNT),
        sa.Column("lag_seconds", sa.Double()),
        sa.Column("dead_letters", _COUNT, nullable=False),
        sa.Column("dead_letter_reason", sa.Text()),
        sa.PrimaryKeyConstraint("agent", name="pk_agent"),
        sa.ForeignKeyConstraint(["stream"], ["stream.stream"], name="fk_agent_stream"),
    )
    op.create_index("ix_agent_stream", "agent", ["stream"])


def _index_evidence(*columns: str) -> None:
    op.drop_index(_INDEX, table_name="evidence")
    op.create_index(_INDEX, "evidence", [*columns], unique=True)
