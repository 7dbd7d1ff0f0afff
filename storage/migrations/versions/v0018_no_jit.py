"""PostgreSQL: no just-in-time compilation in this database.

The views add up to some hundred expressions over many partitions. The planner takes the price of all
partitions for that of the few that are read, and compiles: 6 s for a query of 30 ms.
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_SET = """
DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I {verb} jit {value}', current_database());
EXCEPTION WHEN insufficient_privilege THEN
    EXECUTE format(
        'ALTER ROLE %I IN DATABASE %I {verb} jit {value}', current_user, current_database()
    );
END $$
"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.get_bind().exec_driver_sql(_SET.format(verb="SET", value="= off").replace("%", "%%"))


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.get_bind().exec_driver_sql(_SET.format(verb="RESET", value="").replace("%", "%%"))
