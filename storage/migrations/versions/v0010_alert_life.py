"""What an alert keeps of its life: how it ended, its peak, its evidence, and what a person found.

- ``state`` may be ``gone``: the segment fell silent, and nobody knows whether it is still changed;
- ``rate_peak``, ``reopened``, ``log_e_value`` and ``verdict`` are new.

SQLite cannot change a constraint, so the table is written anew; rows that refer to it find it again
before the transaction ends.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_COUNT = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TIME = sa.DateTime(timezone=True).with_variant(sa.Text, "sqlite")
_NEW = ("rate_peak", "reopened", "log_e_value", "verdict")
_KEPT = (
    *("id", "stream", "segment", "test", "detector", "state", "severity", "opened_at", "since"),
    *("window_start", "refreshed_at", "resolved_at", "rate_now", "rate_normal", "events"),
    *("layers", "message"),
)
_STATES = "state IN ('open', 'acknowledged', 'resolved', 'gone')"
_STATES_BEFORE = "state IN ('open', 'acknowledged', 'resolved')"
_LIVE, _LIVE_BEFORE = "state IN ('open', 'acknowledged')", "state <> 'resolved'"
_VERDICTS = "verdict IN ('real', 'false', 'accepted')"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        checks = {"ck_alert_state": _STATES, "ck_alert_verdict": _VERDICTS}
        _rewrite(checks, _LIVE, columns=(*_KEPT, "rate_peak"), source=(*_KEPT, "rate_now"))
        return
    for column in _added():
        op.add_column("alert", column)
    op.execute("UPDATE alert SET rate_peak = rate_now")
    op.drop_constraint("ck_alert_state", "alert")
    op.create_check_constraint(op.f("ck_alert_state"), "alert", _STATES)
    op.create_check_constraint(op.f("ck_alert_verdict"), "alert", _VERDICTS)
    _index_live(_LIVE)


def downgrade() -> None:
    op.execute("UPDATE alert SET state = 'resolved' WHERE state = 'gone'")
    if op.get_bind().dialect.name == "sqlite":
        _rewrite({"ck_alert_state": _STATES_BEFORE}, _LIVE_BEFORE, columns=_KEPT, source=_KEPT)
        return
    op.drop_constraint("ck_alert_verdict", "alert")
    op.drop_constraint("ck_alert_state", "alert")
    op.create_check_constraint(op.f("ck_alert_state"), "alert", _STATES_BEFORE)
    _index_live(_LIVE_BEFORE)
    for name in _NEW:
        op.drop_column("alert", name)


def _index_live(live: str) -> None:
    op.drop_index("uq_alert_live", table_name="alert")
    _create_index_live(live)


def _create_index_live(live: str) -> None:
    where = sa.text(live)
    op.create_index(
        "uq_alert_live",
        "alert",
        ["stream", "segment", "test"],
        unique=True,
        sqlite_where=where,
        postgresql_where=where,
    )


def _rewrite(
    checks: dict[str, str], live: str, *, columns: tuple[str, ...], source: tuple[str, ...]
) -> None:
    """Write the table anew, with *columns* of the old one's *source*."""
    op.execute("PRAGMA defer_foreign_keys = ON")
    op.execute("CREATE TABLE alert_before AS SELECT * FROM alert")
    op.drop_table("alert")
    added = _added() if "ck_alert_verdict" in checks else []
    op.create_table(
        "alert",
        *_kept(),
        *added,
        *(sa.CheckConstraint(text, name=op.f(name)) for name, text in checks.items()),
        sa.CheckConstraint(
            "severity IN ('info', 'warning', 'critical')", name=op.f("ck_alert_severity")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_alert"),
        sa.ForeignKeyConstraint(["stream"], ["stream.stream"], name="fk_alert_stream"),
    )
    op.create_index("ix_alert_stream_opened_at", "alert", ["stream", "opened_at"])
    _create_index_live(live)
    op.execute(
        f"INSERT INTO alert ({', '.join(columns)}) SELECT {', '.join(source)} FROM alert_before"
    )
    op.drop_table("alert_before")


def _kept() -> list[sa.Column[Any]]:
    texts = ("stream", "segment", "test", "detector", "state", "severity")
    return [
        sa.Column("id", _COUNT, autoincrement=True, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in texts),
        *(
            sa.Column(name, _TIME, nullable=False)
            for name in ("opened_at", "since", "window_start", "refreshed_at")
        ),
        sa.Column("resolved_at", _TIME),
        *(sa.Column(name, sa.Double(), nullable=False) for name in ("rate_now", "rate_normal")),
        sa.Column("events", _COUNT, nullable=False),
        sa.Column("layers", sa.JSON(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
    ]


def _added() -> list[sa.Column[Any]]:
    return [
        sa.Column("rate_peak", sa.Double(), nullable=False, server_default="0"),
        sa.Column("reopened", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("log_e_value", sa.Double()),
        sa.Column("verdict", sa.Text()),
    ]
