"""The history by hour and by day, and how far each level reaches.

What was counted before is added by the roll-up, some windows at a time, as what is counted from now on;
until then the views read it from the windows.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_BINS = tuple(f"bin_{b:02d}" for b in range(18))
_COUNTS = ", ".join(f"{name} INTEGER" for name in ("left_out", "left_out_ood", *_BINS))
_START = {
    "sqlite": "window_start INTEGER NOT NULL",
    "postgresql": "window_start TIMESTAMP WITH TIME ZONE NOT NULL",
}
_DOUBLE = {"sqlite": "DOUBLE", "postgresql": "DOUBLE PRECISION"}
_KEY = {
    "sqlite": "(window_start, series)) WITHOUT ROWID",
    "postgresql": "(series, window_start)) WITH (fillfactor = 80)",
}
_EPOCH = {"sqlite": "0", "postgresql": "'1970-01-01 00:00:00+00:00'"}


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    for name in ("hour_counts", "day_counts"):
        op.execute(
            f"CREATE TABLE {name} ({_START[dialect]}, series INTEGER NOT NULL, "
            "events INTEGER NOT NULL, score_max REAL NOT NULL, "
            f"score_sum {_DOUBLE[dialect]} NOT NULL, {_COUNTS}, "
            f"CONSTRAINT pk_{name} PRIMARY KEY {_KEY[dialect]}"
        )
        if dialect == "postgresql":
            op.execute(
                f"CREATE INDEX ix_{name}_window_start ON {name} USING brin (window_start) "
                "WITH (pages_per_range = 16, autosummarize = on)"
            )
    time = sa.DateTime(timezone=True).with_variant(sa.Integer, "sqlite")
    op.create_table(
        "history_level",
        sa.Column("level", sa.Text(), nullable=False),
        *(
            sa.Column(name, time, nullable=False)
            for name in ("rolled_until", "whole_until", "kept_from")
        ),
        sa.PrimaryKeyConstraint("level", name="pk_history_level"),
    )
    op.create_table(
        "retention",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("stream", "level")),
        sa.Column("keep_days", sa.Double()),
        sa.PrimaryKeyConstraint("stream", "level", name="pk_retention"),
        sa.ForeignKeyConstraint(["stream"], ["stream.stream"], name="fk_retention_stream"),
    )
    for level in ("window", "hour", "day"):
        op.execute(
            "INSERT INTO history_level (level, rolled_until, whole_until, kept_from) "
            f"VALUES ('{level}', {', '.join([_EPOCH[dialect]] * 3)})"
        )


def downgrade() -> None:
    for name in ("retention", "history_level", "day_counts", "hour_counts"):
        op.drop_table(name)
