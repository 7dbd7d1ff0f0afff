"""Names once: ``series`` has them, and the counts are keyed by its numbers.

A row of ``score_window`` repeated stream, detector, segment and layer, in an index too, and took 268 bytes
on SQLite and 514 on PostgreSQL. The tables are made here; what ``score_window_old`` holds is moved
afterwards, in small transactions (storage/move.py), since it may be millions of rows.

``score_sum_squares`` and ``score_min``, which nothing read, are not taken over.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_BINS = tuple(f"bin_{b:02d}" for b in range(18))


def upgrade() -> None:
    op.rename_table("score_window", "score_window_old")
    op.create_table(
        "series",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in _NAMES),
        sa.PrimaryKeyConstraint("id", name="pk_series"),
        sa.ForeignKeyConstraint(["stream"], ["stream.stream"], name="fk_series_stream"),
        sa.UniqueConstraint(*_NAMES, name="uq_series_stream_detector_segment_layer"),
    )
    if op.get_bind().dialect.name == "sqlite":
        _create_in_sqlite()
    else:
        _create_in_postgresql()
    op.create_index("ix_score_window_old_window_start", "score_window_old", ["window_start"])
    op.execute(
        f"INSERT INTO series ({', '.join(_NAMES)}) "
        f"SELECT DISTINCT {', '.join(_NAMES)} FROM score_window_old ORDER BY 1, 2, 3, 4"
    )
    _drop_if_empty()


_NAMES = ("stream", "detector", "segment", "layer")
_SCORES = "score_max REAL NOT NULL, score_sum {double} NOT NULL"
_COUNTS = ", ".join(f"{name} INTEGER" for name in ("left_out", "left_out_ood", *_BINS))


def _create_in_sqlite() -> None:
    op.execute(
        "CREATE TABLE window_counts (window_start INTEGER NOT NULL, series INTEGER NOT NULL, "
        f"events INTEGER NOT NULL, {_SCORES.format(double='DOUBLE')}, {_COUNTS}, "
        "CONSTRAINT pk_window_counts PRIMARY KEY (window_start, series)) WITHOUT ROWID"
    )
    op.execute(
        "CREATE TABLE moment (second INTEGER NOT NULL, window_start TEXT NOT NULL, "
        "CONSTRAINT pk_moment PRIMARY KEY (second))"
    )
    op.create_index("ix_moment_window_start", "moment", ["window_start"])


def _create_in_postgresql() -> None:
    op.execute(
        "CREATE TABLE window_counts (window_start TIMESTAMP WITH TIME ZONE NOT NULL, "
        "series INTEGER NOT NULL, events INTEGER NOT NULL, "
        f"{_SCORES.format(double='DOUBLE PRECISION')}, {_COUNTS}) "
        "PARTITION BY RANGE (window_start)"
    )
    op.execute(
        "CREATE INDEX ix_window_counts_window_start ON window_counts "
        "USING brin (window_start) WITH (pages_per_range = 16, autosummarize = on)"
    )
    op.execute("CREATE TABLE window_counts_other PARTITION OF window_counts DEFAULT")


def _drop_if_empty() -> None:
    found = op.get_bind().execute(sa.text("SELECT 1 FROM score_window_old LIMIT 1"))
    if found.first() is None:
        op.drop_table("score_window_old")


def downgrade() -> None:
    op.execute("DROP TABLE IF EXISTS score_window_old")
    time = sa.DateTime(timezone=True).with_variant(sa.Text, "sqlite")
    count = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "score_window",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("stream", "detector")),
        sa.Column("window_start", time, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("segment", "layer")),
        *(sa.Column(name, count, nullable=False) for name in ("events", *_BINS)),
        *(sa.Column(name, sa.Double(), nullable=False) for name in _OLD_SCORES),
        *(
            sa.Column(name, count, nullable=False, server_default="0")
            for name in ("left_out", "left_out_ood")
        ),
        sa.PrimaryKeyConstraint(
            *("stream", "detector", "window_start", "segment", "layer"), name="pk_score_window"
        ),
        sa.ForeignKeyConstraint(["stream"], ["stream.stream"], name="fk_score_window_stream"),
    )
    op.create_index(
        "ix_score_window_stream_layer_segment_window_start",
        "score_window",
        ["stream", "layer", "segment", "window_start"],
    )
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    time_sql = "datetime(window_start, 'unixepoch')" if is_sqlite else "window_start"
    counts = ("left_out", "left_out_ood", *_BINS)
    op.execute(
        f"INSERT INTO score_window (stream, detector, segment, layer, window_start, events, "
        f"{', '.join(counts)}, {', '.join(_OLD_SCORES)}) "
        f"SELECT stream, detector, segment, layer, {time_sql}, events, "
        f"{', '.join(f'COALESCE({name}, 0)' for name in counts)}, score_sum, 0, score_max, score_max "
        "FROM window_counts JOIN series ON series.id = window_counts.series"
    )
    op.drop_table("window_counts")
    op.drop_table("series")
    op.execute("DROP TABLE IF EXISTS moment")


_OLD_SCORES = ("score_sum", "score_sum_squares", "score_min", "score_max")
