"""Incidents: alerts with one cause are one, and its steps are what receivers are told.

Every alert before is an incident of its own with its number, and so is every step, so that deliveries
that wait go on. SQLite cannot change a foreign key, so the deliveries are written anew there.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_COUNT = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TIME = sa.DateTime(timezone=True).with_variant(sa.Text, "sqlite")
_DELIVERY = (
    *("id", "stream", "sink", "{step}", "state", "created_at", "attempts", "finished_at"),
    "last_error",
)


def upgrade() -> None:
    _create_incident()
    _create_step()
    op.add_column("alert", sa.Column("incident_id", _COUNT))
    op.create_index("ix_alert_incident_id", "alert", ["incident_id"])
    _take_over()
    op.alter_column("notification_sink", "after_transition", new_column_name="after_step")
    _deliver("transition_id", "step_id", "incident_step")


def downgrade() -> None:
    op.execute("DELETE FROM notification")  # an incident's steps are no alert's
    _deliver("step_id", "transition_id", "alert_transition")
    op.alter_column("notification_sink", "after_step", new_column_name="after_transition")
    op.execute(
        "UPDATE notification_sink SET after_transition = "
        "(SELECT coalesce(max(id), 0) FROM alert_transition)"
    )
    op.drop_index("ix_alert_incident_id", table_name="alert")
    op.drop_column("alert", "incident_id")
    op.drop_table("incident_step")
    op.drop_table("incident")


def _create_incident() -> None:
    op.create_table(
        "incident",
        sa.Column("id", _COUNT, autoincrement=True, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("stream", "state", "severity")),
        *(sa.Column(name, _TIME, nullable=False) for name in ("opened_at", "since", "until")),
        sa.Column("resolved_at", _TIME),
        sa.Column("first_alert_id", _COUNT, nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("members", "live")),
        sa.Column("key", sa.Text()),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("changed", "known")),
        sa.Column("cause", sa.Text()),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("told_members", "told_live")),
        sa.CheckConstraint(
            "state IN ('open', 'acknowledged', 'resolved', 'gone')", name=op.f("ck_incident_state")
        ),
        sa.CheckConstraint(
            "severity IN ('info', 'warning', 'critical')", name=op.f("ck_incident_severity")
        ),
        sa.ForeignKeyConstraint(["stream"], ["stream.stream"], name="fk_incident_stream"),
        sa.ForeignKeyConstraint(
            ["first_alert_id"], ["alert.id"], name="fk_incident_first_alert_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_incident"),
    )
    op.create_index("ix_incident_stream_opened_at", "incident", ["stream", "opened_at"])


def _create_step() -> None:
    op.create_table(
        "incident_step",
        sa.Column("id", _COUNT, autoincrement=True, nullable=False),
        sa.Column("incident_id", _COUNT, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("changed_at", _TIME, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("actor", "note")),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incident.id"], name="fk_incident_step_incident_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_incident_step"),
    )
    op.create_index("ix_incident_step_incident_id", "incident_step", ["incident_id"])


def _take_over() -> None:
    live = "CASE WHEN state IN ('open', 'acknowledged') THEN 1 ELSE 0 END"
    op.execute(
        "INSERT INTO incident (id, stream, state, severity, opened_at, since, until, resolved_at, "
        "first_alert_id, members, live, key, changed, known, told_members, told_live) "
        "SELECT id, stream, state, severity, opened_at, since, since, resolved_at, id, 1, "
        f"{live}, NULL, 1, 1, 1, {live} FROM alert"
    )
    op.execute("UPDATE alert SET incident_id = id")
    op.execute(
        "INSERT INTO incident_step (id, incident_id, kind, changed_at, actor, note) "
        "SELECT id, alert_id, CASE WHEN from_state IS NULL THEN 'opened' "
        "WHEN from_state = to_state THEN 'worsened' WHEN to_state = 'open' THEN 'reopened' "
        "ELSE to_state END, changed_at, actor, note FROM alert_transition"
    )
    if op.get_bind().dialect.name == "postgresql":
        for table in ("incident", "incident_step"):
            op.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table} "
                "HAVING max(id) IS NOT NULL"
            )


def _deliver(before: str, after: str, steps: str) -> None:
    """Let the deliveries refer to *steps* by the column *after* instead of *before*."""
    op.drop_index(f"uq_notification_{before.removesuffix('_id')}", table_name="notification")
    op.drop_index("ix_notification_state", table_name="notification")
    if op.get_bind().dialect.name == "sqlite":
        _rewrite_deliveries(before, after, steps)
    else:
        op.drop_constraint(f"fk_notification_{before}", "notification")
        op.alter_column("notification", before, new_column_name=after)
        op.create_foreign_key(
            op.f(f"fk_notification_{after}"), "notification", steps, [after], ["id"]
        )
    op.create_index(
        f"uq_notification_{after.removesuffix('_id')}",
        "notification",
        ["stream", "sink", after],
        unique=True,
    )
    op.create_index("ix_notification_state", "notification", ["stream", "state", "sink", after])


def _rewrite_deliveries(before: str, after: str, steps: str) -> None:
    op.execute("CREATE TABLE notification_before AS SELECT * FROM notification")
    op.drop_table("notification")
    op.create_table(
        "notification",
        sa.Column("id", _COUNT, autoincrement=True, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("stream", "sink")),
        sa.Column(after, _COUNT, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("finished_at", _TIME),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(
            "state IN ('pending', 'sent', 'skipped', 'dead')", name=op.f("ck_notification_state")
        ),
        sa.ForeignKeyConstraint(["stream"], ["stream.stream"], name="fk_notification_stream"),
        sa.ForeignKeyConstraint([after], [f"{steps}.id"], name=f"fk_notification_{after}"),
        sa.PrimaryKeyConstraint("id", name="pk_notification"),
    )
    names = ", ".join(_DELIVERY)
    into, source = names.format(step=after), names.format(step=before)
    op.execute(f"INSERT INTO notification ({into}) SELECT {source} FROM notification_before")
    op.drop_table("notification_before")
