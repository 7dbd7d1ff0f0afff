"""What state each detector version is in, who changed it and why, and which version each agent scores with.

- ``detector.status`` takes the place of ``detector.active``: a version that is not active may be a candidate,
  refused, a shadow or retired. Those that were not active are retired: whether they ever scored is not known.
- ``detector_change``: the history. It begins with one row for each version that there is.
- ``agent``: the versions that it scores with, and why it could not take another one.
- ``alert.judged_by``: the version that judges a live alert after the one that raised it was replaced.
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_COUNT = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TIME = sa.DateTime(timezone=True).with_variant(sa.Text, "sqlite")
_STATUSES = "('candidate', 'refused', 'shadow', 'active', 'retired')"
_AGENT = ("detector", "detector_at", "shadow", "detector_problem")


def upgrade() -> None:
    _rewrite(
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("pruned_at", _TIME),
        sa.CheckConstraint(f"status IN {_STATUSES}", name=op.f("ck_detector_status")),
        status="CASE WHEN active THEN 'active' ELSE 'retired' END",
    )
    for status in ("active", "shadow"):
        _one_of(status, f"status = '{status}'")
    op.create_table(
        "detector_change",
        sa.Column("id", _COUNT, autoincrement=True, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("stream", "detector", "action")),
        sa.Column("from_status", sa.Text()),
        sa.Column("to_status", sa.Text(), nullable=False),
        sa.Column("changed_at", _TIME, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("actor", "note")),
        sa.PrimaryKeyConstraint("id", name="pk_detector_change"),
        sa.ForeignKeyConstraint(["stream"], ["stream.stream"], name="fk_detector_change_stream"),
    )
    op.create_index("ix_detector_change_stream_detector", "detector_change", ["stream", "detector"])
    op.execute(
        "INSERT INTO detector_change "
        "(stream, detector, action, from_status, to_status, changed_at, actor, note) "
        "SELECT stream, detector, 'registered', NULL, status, created_at, 'fit', "
        "'registered before changes were recorded' FROM detector ORDER BY created_at"
    )
    op.add_column("agent", sa.Column("detector", sa.Text()))
    op.add_column("agent", sa.Column("detector_at", _TIME))
    op.add_column("agent", sa.Column("shadow", sa.Text()))
    op.add_column("agent", sa.Column("detector_problem", sa.Text()))
    op.add_column("alert", sa.Column("judged_by", sa.Text()))


def downgrade() -> None:
    op.drop_column("alert", "judged_by")
    for name in _AGENT:
        op.drop_column("agent", name)
    op.drop_table("detector_change")
    _rewrite(
        sa.Column("active", sa.Boolean(), nullable=False),
        active="status = 'active'",
    )
    _one_of("active", "active")


def _one_of(name: str, condition: str) -> None:
    where = sa.text(condition)
    op.create_index(
        f"uq_detector_{name}",
        "detector",
        ["stream"],
        unique=True,
        sqlite_where=where,
        postgresql_where=where,
    )


def _rewrite(*added: sa.Column[object] | sa.CheckConstraint, **values: str) -> None:
    """Write the table anew with *added*, filled with *values*; SQLite drops no column with an index."""
    kept = ("stream", "detector", "uri", "created_at", "manifest")
    op.execute("CREATE TABLE detector_before AS SELECT * FROM detector")
    op.drop_table("detector")
    op.create_table(
        "detector",
        *(sa.Column(name, sa.Text(), nullable=False) for name in kept[:3]),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("manifest", sa.JSON(), nullable=False),
        *added,
        sa.PrimaryKeyConstraint("stream", "detector", name="pk_detector"),
        sa.ForeignKeyConstraint(["stream"], ["stream.stream"], name="fk_detector_stream"),
    )
    op.execute(
        f"INSERT INTO detector ({', '.join((*kept, *values))}) "
        f"SELECT {', '.join((*kept, *values.values()))} FROM detector_before"
    )
    op.drop_table("detector_before")
