"""PostgreSQL: the rows of a day lie in the order in which they are read.

What is counted over all layers, and of that the whole streams, was spread over all pages of a day; a
year of it was read from as many pages as it has rows. Roll-up writes new days in order; here the earlier
ones are written again. The table stays, with the privileges and the views of people on it.
"""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute(
        "CREATE UNLOGGED TABLE day_counts_in_order AS SELECT day_counts.* FROM day_counts "
        "LEFT JOIN series ON series.id = day_counts.series "
        "ORDER BY window_start, layer <> '*', segment <> '*', series.id"
    )
    op.execute("TRUNCATE day_counts")
    op.execute("INSERT INTO day_counts SELECT * FROM day_counts_in_order")
    op.execute("DROP TABLE day_counts_in_order")


def downgrade() -> None:
    """Rows in any order are read by every version."""
